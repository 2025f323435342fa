// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_SPEC_H_
#define CRONIUM_CONTROLLER_CORE_SPEC_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cronium/v1/job.pb.h"

namespace cronium::controller {

inline constexpr size_t kMaxSpecBytes = 2 << 20;
inline constexpr size_t kMaxScriptBytes = 1 << 20;
inline constexpr size_t kMaxInputBytes = 1 << 20;

// Checks a spec against the limits that job.proto states: INVALID_ARGUMENT with a violation for
// each wrong field, named from `path` (`spec`). Whether a node of placement.node exists is the
// core's to say.
absl::Status ValidateSpec(const v1::JobSpec& spec, absl::string_view path);

// Fills in the defaults that job.proto states, so that the stored spec is what holds. The spec must
// be valid.
void FillSpecDefaults(v1::JobSpec* spec);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_SPEC_H_
