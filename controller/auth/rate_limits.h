// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_AUTH_RATE_LIMITS_H_
#define CRONIUM_CONTROLLER_AUTH_RATE_LIMITS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cronium::controller {

// Calls of the runtime API that each execution of a namespace may make a minute; 0 for no limit.
// They travel in the executions' tokens, so a change counts for executions that begin after it.
struct RateLimits {
  // Of "NAMESPACE=N,...", where one element may be N alone, for all other namespaces.
  // INVALID_ARGUMENT.
  static absl::StatusOr<RateLimits> Parse(absl::string_view text);

  // Without a value, the gateway of the execution's host decides.
  std::optional<int64_t> Of(const std::string& name_space) const;

  std::optional<int64_t> others;
  absl::flat_hash_map<std::string, int64_t> by_namespace;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_AUTH_RATE_LIMITS_H_
