// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_API_STATUS_RESPONSE_H_
#define CRONIUM_RUNTIME_GATEWAY_API_STATUS_RESPONSE_H_

#include "absl/status/status.h"
#include "runtime-gateway/http/message.h"

namespace cronium::gateway {

// The HTTP answer for a failure, ours or the controller's. `code` is ErrorInfo's reason. What a
// script can do nothing about, and what may pass, is 5xx, since that is what its helpers try again.
Response StatusResponse(const absl::Status& status);

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_API_STATUS_RESPONSE_H_
