// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_API_ROUTE_H_
#define CRONIUM_RUNTIME_GATEWAY_API_ROUTE_H_

#include "absl/strings/string_view.h"

namespace cronium::gateway {

enum class Endpoint {
  kNone,
  kHealth,
  kReady,
  kMetrics,
  kToolAction,
  kInput,
  kOutput,
  kContext,
  kCondition,
  kVariables,
  kVariable,
  kIncrement,
  kAppend,
};

// What a path means. The parts are slices of the path, still encoded.
struct Route {
  Endpoint endpoint = Endpoint::kNone;
  // Of /executions/{id}/...
  absl::string_view execution_id;
  // Of kVariable: all that follows `variables/`; of kIncrement and kAppend without the verb.
  absl::string_view key;
};

// `method` matters only for paths that mean different things: /variables/{key}/increment is a key
// to GET, and a verb to POST. The slash before a verb may be encoded, as those within a key may.
Route FindRoute(absl::string_view method, absl::string_view path);

// For metrics and logs: "variable".
absl::string_view EndpointName(Endpoint endpoint);

// As the header Allow lists them: "GET, HEAD, POST". Empty for kNone.
absl::string_view AllowedMethods(Endpoint endpoint);

// Whether it is an execution's, which the token alone names where the path does not.
bool NeedsToken(Endpoint endpoint);

bool IsAllowed(Endpoint endpoint, absl::string_view method);

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_API_ROUTE_H_
