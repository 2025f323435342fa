// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HTTP_ERROR_RESPONSE_H_
#define CRONIUM_RUNTIME_GATEWAY_HTTP_ERROR_RESPONSE_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime-gateway/http/message.h"

namespace cronium::gateway {

// "Not Found" for 404; "Error" for a status that we never send.
absl::string_view StatusText(int status);

// {"success":false,"error":"<status text>","message":message,"code":code}
Response ErrorResponse(int status, absl::string_view code, absl::string_view message);

// The same with Retry-After in whole seconds, rounded up, at least 1.
Response RetryLater(int status, absl::string_view code, absl::string_view message,
                    absl::Duration retry_after);

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_HTTP_ERROR_RESPONSE_H_
