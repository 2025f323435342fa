// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HTTP_MESSAGE_H_
#define CRONIUM_RUNTIME_GATEWAY_HTTP_MESSAGE_H_

#include <string>
#include <utility>
#include <vector>

namespace cronium::gateway {

// How a request came in.
enum class Transport { kUnixSocket, kLoopback };

// What a request says before its body.
struct RequestHead {
  std::string method;
  // As it came: not decoded, without the query. Begins with a slash.
  std::string path;
  // Without the question mark.
  std::string query;
  // Values of the headers that matter here; empty where there is none.
  std::string authorization;
  std::string if_match;
  std::string idempotency_key;
  Transport transport = Transport::kUnixSocket;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_HTTP_MESSAGE_H_
