// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_API_REPLIES_H_
#define CRONIUM_RUNTIME_GATEWAY_API_REPLIES_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cronium/v1/runtime_service.pb.h"
#include "runtime-gateway/http/message.h"

// The answers of the runtime API. JSON that came from a script goes into them as the text that it
// is.
namespace cronium::gateway {

// {"status":"healthy","time":...}
Response HealthReply(absl::Time now);

// {"success":true}
Response SuccessReply();

// {"success":true,"data":JSON}
Response DataReply(absl::string_view json);

Response ContextReply(const v1::GetContextResponse& context);
Response ConditionReply(const v1::GetConditionResponse& condition);
Response VariableReply(const v1::Variable& variable);

// {"success":true,"data":{"variables":[{"key","value"}],"next_page_token":""}}
Response VariablesReply(const v1::ScanVariablesResponse& page);

// Adds ETag, quoted as RFC 9110 has it.
void AddEtag(absl::string_view etag, Response* response);

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_API_REPLIES_H_
