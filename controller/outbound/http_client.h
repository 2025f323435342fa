// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_OUTBOUND_HTTP_CLIENT_H_
#define CRONIUM_CONTROLLER_OUTBOUND_HTTP_CLIENT_H_

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/outbound/transfer_loop.h"

namespace cronium::controller {

// In order; a name may come more than once.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// The first value of a header, whatever the case of its name; empty where there is none.
absl::string_view FindHeader(const HttpHeaders& headers, absl::string_view name);

struct HttpRequest {
  // In capitals, as it goes out.
  std::string method = "GET";
  // http or https. Userinfo is refused: credentials belong into a header.
  std::string url;
  // No Host, Content-Length or others that frame the message (IsReservedHttpHeader).
  HttpHeaders headers;
  std::string body;
  // From Send to the last byte of the answer, redirects included.
  absl::Duration timeout = absl::Seconds(30);
  absl::Duration connect_timeout = absl::Seconds(10);
  // How many redirects are followed; with 0 a redirect is the answer. Not from https to http, and
  // to another origin without `headers`, but for Accept, Accept-Language, Content-Type and
  // User-Agent.
  int max_redirects = 0;
  size_t max_body_bytes = 1 << 20;
  // A longer body: cut (HttpResponse.body_cut) instead of OUTBOUND_BODY_TOO_LARGE.
  bool cut_body = false;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;
  bool body_cut = false;
  // Where the answer came from: after redirects not the URL that was asked for.
  std::string url;
  int redirects = 0;
};

// Sends HTTP/1.1 requests over a loop. Any status is an answer; errors are those of
// transfer_error.h. Thread-safe, holds nothing itself.
//
// A POST or PATCH goes out on a fresh connection: curl silently repeats what fails on a kept one,
// and these must not be sent twice.
class HttpClient {
 public:
  using Id = TransferLoop::Id;
  using Done = std::function<void(absl::StatusOr<HttpResponse>)>;

  // loop is borrowed.
  explicit HttpClient(TransferLoop* loop) : loop_(loop) {}

  // done runs once, on the loop's thread, and must be quick.
  Id Send(HttpRequest request, Done done);
  // done gets CANCELLED, unless it was called already.
  void Cancel(Id id) { loop_->Cancel(id); }

 private:
  TransferLoop* const loop_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_OUTBOUND_HTTP_CLIENT_H_
