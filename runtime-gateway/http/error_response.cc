// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/http/error_response.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/json.h"

namespace cronium::gateway {

absl::string_view StatusText(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

Response ErrorResponse(int status, absl::string_view code, absl::string_view message) {
  Response response;
  response.status = status;
  response.body =
      absl::StrCat(R"({"success":false,"error":)", QuoteJson(StatusText(status)), R"(,"message":)",
                   QuoteJson(message), R"(,"code":)", QuoteJson(code), "}");
  return response;
}

Response RetryLater(int status, absl::string_view code, absl::string_view message,
                    absl::Duration retry_after) {
  Response response = ErrorResponse(status, code, message);
  const int64_t seconds = absl::ToInt64Seconds(absl::Ceil(retry_after, absl::Seconds(1)));
  response.headers.emplace_back("Retry-After", absl::StrCat(std::max<int64_t>(1, seconds)));
  return response;
}

}  // namespace cronium::gateway
