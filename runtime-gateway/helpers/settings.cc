// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/settings.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <optional>

#include "runtime-gateway/helpers/text.h"

namespace cronium::gateway::helpers {
namespace {

std::string_view Variable(const char* name) {
  const char* value = getenv(name);
  return value != nullptr ? value : "";
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  if (port == 0 || port > 65535) return std::nullopt;
  return static_cast<uint16_t>(port);
}

bool SetAddress(const std::string& host, uint16_t port, Endpoint* endpoint) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&endpoint->address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&endpoint->address);
  const bool local = host == "runtime-api" || host == "localhost";
  if (inet_pton(AF_INET, local ? "127.0.0.1" : host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    endpoint->address_length = sizeof(*v4);
    return true;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    endpoint->address_length = sizeof(*v6);
    return true;
  }
  return false;
}

std::string ReadEndpoint(Endpoint* endpoint) {
  const std::string_view socket = Variable("CRONIUM_RUNTIME_SOCKET");
  const std::string_view url = Variable("CRONIUM_RUNTIME_API");
  std::string error;
  const char* name = "CRONIUM_RUNTIME_SOCKET";
  if (!socket.empty()) {
    error = ParseUnixEndpoint(socket, endpoint);
  } else if (url.empty()) {
    error = ParseUnixEndpoint(kDefaultSocket, endpoint);
  } else {
    name = "CRONIUM_RUNTIME_API";
    error = ParseUrlEndpoint(url, endpoint);
  }
  return error.empty() ? "" : std::string(name) + " " + error;
}

bool HasControlCharacter(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) return true;
  }
  return false;
}

}  // namespace

std::string ParseUnixEndpoint(std::string_view path, Endpoint* endpoint) {
  *endpoint = {};
  auto* address = reinterpret_cast<sockaddr_un*>(&endpoint->address);
  if (path.empty() || path[0] != '/' || path.size() >= sizeof(address->sun_path)) {
    return "must be an absolute path of at most " + std::to_string(sizeof(address->sun_path) - 1) +
           " bytes, not '" + OneLine(path) + "'";
  }
  address->sun_family = AF_UNIX;
  path.copy(address->sun_path, path.size());
  endpoint->address_length = sizeof(*address);
  endpoint->name = "unix:" + std::string(path);
  endpoint->host = "runtime-api";
  return "";
}

std::string ParseUrlEndpoint(std::string_view url, Endpoint* endpoint) {
  *endpoint = {};
  const std::string wrong =
      "must be http://ADDRESS[:PORT], where ADDRESS is a numeric address, runtime-api or "
      "localhost; not '" +
      OneLine(url) + "'";
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return wrong;
  std::string_view authority = url.substr(kScheme.size());
  if (authority.ends_with('/')) authority.remove_suffix(1);
  std::string_view host = authority;
  std::string_view port = "80";
  const size_t colon = authority.rfind(':');
  const size_t bracket = authority.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon)) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::optional<uint16_t> number = ParsePort(port);
  if (!number || !SetAddress(std::string(host), *number, endpoint)) return wrong;
  endpoint->name = "http://" + std::string(authority);
  endpoint->host = std::string(authority);
  return "";
}

std::string ParseRetryFor(std::string_view text, int64_t* ms) {
  const std::string wrong = "must be a number of seconds from 0 to " +
                            std::to_string(kMaxRetryForMs / 1000) + ", not '" + OneLine(text) + "'";
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string fraction(point == std::string_view::npos ? "" : text.substr(point + 1));
  if (whole.empty() || whole.size() > 5 || fraction.size() > 9) return wrong;
  if (point != std::string_view::npos && fraction.empty()) return wrong;
  fraction.resize(3, '0');
  int64_t value = 0;
  for (const char c : std::string(whole) + fraction) {
    if (c < '0' || c > '9') return wrong;
    value = value * 10 + (c - '0');
  }
  if (value > kMaxRetryForMs) return wrong;
  *ms = value;
  return "";
}

std::string ReadSettings(Settings* settings) {
  settings->token = Variable("CRONIUM_EXECUTION_TOKEN");
  settings->execution_id = Variable("CRONIUM_EXECUTION_ID");
  if (settings->token.empty()) {
    return "not inside a Cronium job: CRONIUM_EXECUTION_TOKEN is not set";
  }
  if (settings->execution_id.empty()) {
    return "not inside a Cronium job: CRONIUM_EXECUTION_ID is not set";
  }
  if (HasControlCharacter(settings->token)) {
    return "CRONIUM_EXECUTION_TOKEN is garbled: it has blanks or control characters";
  }
  const std::string_view retry_for = Variable("CRONIUM_RETRY_FOR");
  if (!retry_for.empty()) {
    const std::string error = ParseRetryFor(retry_for, &settings->retry_for_ms);
    if (!error.empty()) return "CRONIUM_RETRY_FOR " + error;
  }
  return ReadEndpoint(&settings->endpoint);
}

}  // namespace cronium::gateway::helpers
