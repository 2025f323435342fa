// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HELPERS_SETTINGS_H_
#define CRONIUM_RUNTIME_GATEWAY_HELPERS_SETTINGS_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace cronium::gateway::helpers {

constexpr const char* kDefaultSocket = "/run/cronium/api/runtime.sock";
constexpr int64_t kDefaultRetryForMs = 5 * 60 * 1000;
constexpr int64_t kMaxRetryForMs = 24 * 60 * 60 * 1000;

// Where the runtime API is, ready to connect to. Never a name to look up: a static program has no
// resolver to rely on.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t address_length = 0;
  std::string name;  // "unix:/path" or "http://host:port", to show
  std::string host;  // for the Host field
};

// Both leave an empty string on success; else it says what is wrong.
std::string ParseUnixEndpoint(std::string_view path, Endpoint* endpoint);
// http://HOST[:PORT][/], where HOST is a numeric address, runtime-api or localhost.
std::string ParseUrlEndpoint(std::string_view url, Endpoint* endpoint);

// Seconds, with decimals if need be.
std::string ParseRetryFor(std::string_view text, int64_t* ms);

// What a job's environment says to its helpers.
struct Settings {
  Endpoint endpoint;
  std::string token;
  std::string execution_id;
  int64_t retry_for_ms = kDefaultRetryForMs;
};

// Reads the environment. An empty string on success; else it says what is missing or wrong.
std::string ReadSettings(Settings* settings);

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_RUNTIME_GATEWAY_HELPERS_SETTINGS_H_
