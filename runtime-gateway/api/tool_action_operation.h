// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_API_TOOL_ACTION_OPERATION_H_
#define CRONIUM_RUNTIME_GATEWAY_API_TOOL_ACTION_OPERATION_H_

#include <memory>
#include <string>

#include "runtime-gateway/http/handler.h"
#include "runtime-gateway/upstream/controller_client.h"

namespace cronium::gateway {

inline constexpr size_t kMaxToolActionBodyBytes = 1 << 20;

// POST /tool-actions/execute: `{"tool","action","params"}`, or `config` for `params`. An action
// that failed at the other side is 200 with `success` false, so that nobody repeats it in vain.
//
// Without a key of the client's one is made here, so that a call which broke off between here and
// the controller is made again and still acts once. What is then not known is 409
// (OUTCOME_UNKNOWN): clients without keys repeat what is 5xx. client is borrowed.
std::unique_ptr<Operation> MakeToolActionOperation(ControllerClient* client,
                                                   const std::string& token,
                                                   const std::string& idempotency_key);

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_API_TOOL_ACTION_OPERATION_H_
