// SPDX-License-Identifier: Apache-2.0
#include "controller/auth/live_executions.h"

#include "controller/core/lifecycle.h"

namespace cronium::controller {

void LiveExecutions::Update(const ExecutionChange& change) {
  if (IsEnded(change.execution.state())) {
    MutexLock lock(&mutex_);
    live_.erase(change.execution.id());
    return;
  }
  auto entry = std::make_shared<const ExecutionChange>(change);
  MutexLock lock(&mutex_);
  live_[change.execution.id()] = std::move(entry);
}

std::shared_ptr<const ExecutionChange> LiveExecutions::Find(absl::string_view execution_id) const {
  MutexLock lock(&mutex_);
  const auto it = live_.find(execution_id);
  return it == live_.end() ? nullptr : it->second;
}

}  // namespace cronium::controller
