// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HELPERS_HTTP_RESPONSE_H_
#define CRONIUM_RUNTIME_GATEWAY_HELPERS_HTTP_RESPONSE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cronium::gateway::helpers {

// Status lines, header fields and trailers together, those of interim responses included.
constexpr size_t kMaxResponseHeadBytes = 64 * 1024;
// A chunk's size with its extensions.
constexpr size_t kMaxChunkLineBytes = 1024;
// The largest input is 8 MiB; the rest is for what is put around it.
constexpr size_t kMaxResponseBodyBytes = 8 * 1024 * 1024 + 64 * 1024;

// Takes apart one HTTP/1.1 response as its bytes come in, however they are cut. Knows bodies of a
// stated length, in chunks, and up to the end of the connection; skips 1xx responses. (RFC 9112)
//
// Not thread-safe.
class HttpResponse {
 public:
  // Each is true once the response is whole or broken: see error().
  bool Feed(std::string_view bytes);
  bool FeedEnd();  // the connection ended

  // Empty while nothing was wrong.
  const std::string& error() const { return error_; }
  int status() const { return status_; }
  const std::string& body() const { return body_; }
  // Retry-After in seconds, where the server gave it so: a date is taken as none.
  std::optional<int> retry_after_s() const { return retry_after_s_; }

 private:
  enum class State {
    kStatusLine,
    kFields,
    kSizedBody,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kTrailers,
    kBodyUntilEnd,
    kWhole,
    kBroken,
  };

  // False, and the response broken, when there are too many.
  bool CountHead(size_t bytes);
  bool Over() const { return state_ == State::kWhole || state_ == State::kBroken; }
  void TakeLine(std::string_view line);
  void TakeStatusLine(std::string_view line);
  void TakeField(std::string_view line);
  void TakeChunkSize(std::string_view line);
  void EndFields();
  // Takes from `bytes` what belongs to the body.
  void TakeBody(std::string_view* bytes);
  void Break(std::string error);

  State state_ = State::kStatusLine;
  std::string line_;  // the part of a line that has come in
  size_t head_bytes_ = 0;
  size_t left_ = 0;  // of the sized body, or of the chunk
  std::optional<size_t> content_length_;
  bool chunked_ = false;
  std::optional<int> retry_after_s_;
  int status_ = 0;
  std::string body_;
  std::string error_;
};

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_RUNTIME_GATEWAY_HELPERS_HTTP_RESPONSE_H_
