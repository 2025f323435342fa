// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/api_client.h"

#include <sys/random.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include "runtime-gateway/helpers/exchange.h"
#include "runtime-gateway/helpers/http_response.h"
#include "runtime-gateway/helpers/json.h"
#include "runtime-gateway/helpers/retry.h"
#include "runtime-gateway/helpers/text.h"

namespace cronium::gateway::helpers {
namespace {

void FillRandom(void* bytes, size_t length) {
  // At most 256 bytes come whole, once the kernel's pool is ready: long before any container.
  while (getrandom(bytes, length, 0) < 0 && errno == EINTR) {
  }
}

uint32_t Random() {
  uint32_t random = 0;
  FillRandom(&random, sizeof(random));
  return random;
}

// 128 random bits in hex.
std::string NewIdempotencyKey() {
  constexpr char kHex[] = "0123456789abcdef";
  unsigned char bytes[16] = {};
  FillRandom(bytes, sizeof(bytes));
  std::string key;
  for (const unsigned char byte : bytes) {
    key += kHex[byte >> 4];
    key += kHex[byte & 15];
  }
  return key;
}

void SleepMs(int64_t ms) {
  timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1'000'000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

std::string StringMember(std::string_view body, std::string_view name) {
  const std::optional<std::string_view> raw = FindJson(body, {name});
  return raw ? DecodeJsonString(*raw).value_or("") : "";
}

ApiResult FromResponse(const HttpResponse& response) {
  ApiResult result;
  result.status = response.status();
  result.body = response.body();
  if (result.status < 300) return result;
  std::string message = StringMember(result.body, "message");
  if (message.empty()) message = StringMember(result.body, "error");
  if (message.empty()) message = "the runtime API refused the call";
  result.error = OneLine(message) + " (HTTP " + std::to_string(result.status) + ")";
  result.variable_not_found = result.status == 404 && message == "variable not found";
  return result;
}

// A call whose effect outside is unknown is not sent again, whatever its status.
bool MayRetryAfter(const ApiResult& result) {
  return MayRetry(result.status) && StringMember(result.body, "code") != "OUTCOME_UNKNOWN";
}

std::string Seconds(int64_t ms) {
  const int64_t tenths = (ms + 50) / 100;
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text + " s";
}

}  // namespace

ApiResult ApiClient::Call(const ApiRequest& request) {
  if (request.body && request.body->size() > kMaxRequestBodyBytes) {
    return {.error = "the value is too large: a call carries at most 8 MiB"};
  }
  const bool has_effect = request.method != "GET";
  const std::string bytes = Serialize(request, has_effect ? NewIdempotencyKey() : "");
  const int64_t give_up_ms = NowMs() + settings_.retry_for_ms;
  for (int tries = 1;; ++tries) {
    HttpResponse response;
    const std::string failure =
        Exchange(settings_.endpoint, bytes, NowMs() + kTryTimeoutMs, &response);
    ApiResult result;
    std::optional<int> retry_after_s;
    if (failure.empty()) {
      result = FromResponse(response);
      if (result.error.empty() || !MayRetryAfter(result)) return result;
      retry_after_s = response.retry_after_s();
    } else {
      result.error = "cannot reach the runtime API at " + settings_.endpoint.name + ": " + failure;
    }
    const int64_t delay_ms = RetryDelayMs(tries, retry_after_s, Random());
    if (NowMs() + delay_ms > give_up_ms) {
      result.error += "; gave up after " + std::to_string(tries) +
                      (tries == 1 ? " try" : " tries") + ", CRONIUM_RETRY_FOR is " +
                      Seconds(settings_.retry_for_ms);
      return result;
    }
    SleepMs(delay_ms);
  }
}

std::string ApiClient::CheckHealth(int64_t timeout_ms) {
  HttpResponse response;
  const std::string bytes = Serialize({.method = "GET", .path = "/health"}, "");
  std::string failure = Exchange(settings_.endpoint, bytes, NowMs() + timeout_ms, &response);
  if (failure.empty() && response.status() != 200) {
    failure = "HTTP " + std::to_string(response.status());
  }
  return failure;
}

std::string ApiClient::Serialize(const ApiRequest& request,
                                 std::string_view idempotency_key) const {
  std::string bytes = request.method + " " + request.path + " HTTP/1.1\r\n";
  bytes += "Host: " + settings_.endpoint.host + "\r\n";
  bytes += "Authorization: Bearer " + settings_.token + "\r\n";
  bytes += "User-Agent: cronium-helper/" CRONIUM_VERSION "\r\n";
  bytes += "Accept: application/json\r\n";
  bytes += "Connection: close\r\n";
  if (!idempotency_key.empty()) {
    bytes += "Idempotency-Key: " + std::string(idempotency_key) + "\r\n";
  }
  if (request.body) {
    bytes += "Content-Type: application/json\r\n";
    bytes += "Content-Length: " + std::to_string(request.body->size()) + "\r\n\r\n";
    bytes += *request.body;
  } else {
    if (request.method != "GET") bytes += "Content-Length: 0\r\n";
    bytes += "\r\n";
  }
  return bytes;
}

}  // namespace cronium::gateway::helpers
