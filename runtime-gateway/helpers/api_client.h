// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HELPERS_API_CLIENT_H_
#define CRONIUM_RUNTIME_GATEWAY_HELPERS_API_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime-gateway/helpers/settings.h"

namespace cronium::gateway::helpers {

// Connecting, sending and receiving together.
constexpr int64_t kTryTimeoutMs = 30'000;
// What the runtime API takes at most.
constexpr size_t kMaxRequestBodyBytes = 8 * 1024 * 1024;

struct ApiRequest {
  std::string method;
  std::string path;  // percent-encoded
  std::optional<std::string> body;
};

// What became of a call. Either `error` is empty and `body` is that of a 2xx response, or `error`
// is one line for the script's author.
struct ApiResult {
  int status = 0;  // 0: no response was had
  std::string body;
  std::string error;
  // `error` is that the variable is not set.
  bool variable_not_found = false;
};

// Makes calls to the runtime API, one connection each, and repeats those that fail for a while
// (connection errors, 429, 5xx) until settings' retry_for has passed. A call that is not a GET
// carries one Idempotency-Key over all of its tries, so that it takes effect once.
//
// Not thread-safe. Blocks.
class ApiClient {
 public:
  explicit ApiClient(const Settings& settings) : settings_(settings) {}

  ApiResult Call(const ApiRequest& request);

  // Whether the API answers at all: one try of GET /health, for at most `timeout_ms`. Empty when
  // it does; else why not.
  std::string CheckHealth(int64_t timeout_ms);

  const Settings& settings() const { return settings_; }

 private:
  std::string Serialize(const ApiRequest& request, std::string_view idempotency_key) const;

  const Settings settings_;
};

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_RUNTIME_GATEWAY_HELPERS_API_CLIENT_H_
