// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_API_OPERATIONS_H_
#define CRONIUM_RUNTIME_GATEWAY_API_OPERATIONS_H_

#include <memory>
#include <string>
#include <variant>

#include "runtime-gateway/api/route.h"
#include "runtime-gateway/http/handler.h"
#include "runtime-gateway/http/message.h"
#include "runtime-gateway/upstream/controller_client.h"

namespace cronium::gateway {

// Body limits of RUNTIME-API.
inline constexpr size_t kMaxVariableBodyBytes = 1 << 20;
inline constexpr size_t kMaxOutputBodyBytes = 8 << 20;
// Where no body is asked for, one that comes all the same is read and passed over.
inline constexpr size_t kMaxIgnoredBodyBytes = 64 << 10;

// What a request whose token was checked asks for: an operation that makes the call, or 400 where
// the path, query or headers are wrong. route's slices must be of head.path. client is borrowed.
std::variant<Response, std::unique_ptr<Operation>> MakeOperation(ControllerClient* client,
                                                                 const Route& route,
                                                                 const RequestHead& head,
                                                                 const std::string& token);

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_API_OPERATIONS_H_
