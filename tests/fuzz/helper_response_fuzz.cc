// SPDX-License-Identifier: Apache-2.0
// The helpers' HTTP response parser: the same bytes, whole and in pieces.
#include <algorithm>
#include <string_view>

#include "runtime-gateway/helpers/http_response.h"
#include "tests/fuzz/input.h"

namespace cronium::gateway::helpers {
namespace {

using fuzz::Require;

HttpResponse Parse(std::string_view bytes, size_t piece) {
  HttpResponse response;
  bool over = false;
  while (!bytes.empty() && !over) {
    const size_t length = std::min(piece, bytes.size());
    over = response.Feed(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  if (!over) Require(response.FeedEnd(), "the connection's end ends the response");
  return response;
}

}  // namespace
}  // namespace cronium::gateway::helpers

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cronium::gateway::helpers;  // NOLINT(google-build-using-namespace)
  using cronium::fuzz::Require;
  if (size == 0) return 0;
  // The first byte says how it is cut.
  const size_t piece = 1 + data[0] % 64;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const HttpResponse whole = Parse(bytes, std::max<size_t>(1, bytes.size()));
  const HttpResponse pieces = Parse(bytes, piece);
  Require(whole.error() == pieces.error(), "the same error however it is cut", whole.error());
  Require(whole.status() == pieces.status(), "the same status however it is cut", bytes);
  Require(whole.body() == pieces.body(), "the same body however it is cut", bytes);
  Require(whole.retry_after_s() == pieces.retry_after_s(), "the same Retry-After", bytes);
  Require(whole.body().size() <= kMaxResponseBodyBytes, "a body within the limit");
  if (whole.error().empty()) {
    Require(whole.status() >= 200 && whole.status() <= 999, "a whole response has its status",
            bytes);
  }
  return 0;
}
