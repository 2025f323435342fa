// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_AUTH_LIVE_EXECUTIONS_H_
#define CRONIUM_CONTROLLER_AUTH_LIVE_EXECUTIONS_H_

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "controller/core/messages.h"

namespace cronium::controller {

// The executions that have not ended, as of the last commit: what decides, on every call, whether
// an execution's token still counts and whether its log is still wanted. Kept up to date by the
// committing thread. Thread-safe.
class LiveExecutions {
 public:
  // Adds, replaces or, where it ended, removes.
  void Update(const ExecutionChange& change);

  // Null where it ended or never was.
  std::shared_ptr<const ExecutionChange> Find(absl::string_view execution_id) const;

 private:
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<const ExecutionChange>> live_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_AUTH_LIVE_EXECUTIONS_H_
