// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/status_response.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "runtime-gateway/http/error_response.h"

namespace cronium::gateway {
namespace {

constexpr absl::Duration kRetryAfter = absl::Seconds(1);

absl::Duration RetryAfterOf(const absl::Status& status) {
  return std::max(kRetryAfter, RetryDelay(status));
}

int HttpStatus(const absl::Status& status, absl::string_view reason) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kOutOfRange:
      return reason == "VARIABLE_TOO_LARGE" ? 413 : 409;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
      return reason == "ETAG_MISMATCH" ? 412 : 409;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      // Without a reason it is gRPC's own limit on messages.
      return reason.empty() ? 500 : 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

Response StatusResponse(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  // The gateway's own standing with the controller: the script's token may be fine, and an operator
  // is to mend it.
  if (reason == "NODE_CERTIFICATE_REQUIRED") {
    return RetryLater(503, reason,
                      absl::StrCat("the runtime gateway is not admitted: ", status.message()),
                      absl::Seconds(5));
  }
  if (reason == "VARIABLE_NOT_FOUND") return ErrorResponse(404, reason, "variable not found");
  const int http_status = HttpStatus(status, reason);
  if (http_status == 503 && reason.empty()) {
    return RetryLater(503, "CONTROLLER_UNREACHABLE", "the controller cannot be reached",
                      RetryAfterOf(status));
  }
  const std::string code = reason.empty() ? absl::StatusCodeToString(status.code()) : reason;
  if (http_status == 503 || http_status == 429) {
    return RetryLater(http_status, code, status.message(), RetryAfterOf(status));
  }
  Response response = ErrorResponse(http_status, code, status.message());
  if (http_status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace cronium::gateway
