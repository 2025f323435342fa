// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_FAULT_H_
#define CRONIUM_COMMON_FAULT_H_

#include <atomic>
#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// Fault points: named places where a test makes the real binary fail. Off, a point costs one
// relaxed load.
//
// CRONIUM_FAULTS=name=action[,name=action...] switches them on when the process starts. Actions:
//   on            FaultOn(name) is true; the code at the point says what that means
//   crash         the process ends there, as if killed
//   crash:FILE    the same once FILE is there, which is removed first: so that a test can say when,
//                 and what is started again goes on. A number in FILE says which pass it is, from 1
//   delay:MS      the calling thread waits
// Points are listed in docs/faults.md.
namespace cronium {

namespace fault_internal {
extern std::atomic<bool> g_any;
bool Hit(absl::string_view name);
}  // namespace fault_internal

// Called at each point as it comes by, instead of what is armed; its answer is FaultOn's. Null to
// end it. For tests that are the only thread.
void SetFaultHook(std::function<bool(absl::string_view name)> hook);

// Reads CRONIUM_FAULTS; INVALID_ARGUMENT where it is malformed. Call it in main before any thread
// starts.
absl::Status ArmFaultsFromEnvironment();

// Runs the point's action; true where it is `on`. Thread-safe.
inline bool FaultOn(absl::string_view name) {
  return fault_internal::g_any.load(std::memory_order_relaxed) && fault_internal::Hit(name);
}

}  // namespace cronium

#endif  // CRONIUM_COMMON_FAULT_H_
