// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/log_watch.h"

namespace cronium::agent {

bool LogWatch::Watch(const std::string& execution_id, uint64_t last_seq) {
  {
    MutexLock lock(&mutex_);
    watched_[execution_id] = last_seq;
  }
  // Asked only now, so that an acknowledgement in between is seen by the one or the other.
  const absl::StatusOr<LogState> state = source_->State(execution_id);
  if (state.ok() && state->acknowledged_seq < last_seq) return false;
  MutexLock lock(&mutex_);
  return watched_.erase(execution_id) > 0;
}

void LogWatch::Unwatch(const std::string& execution_id) {
  MutexLock lock(&mutex_);
  watched_.erase(execution_id);
}

absl::StatusOr<LogState> LogWatch::State(const std::string& execution_id) const {
  return source_->State(execution_id);
}

absl::StatusOr<std::vector<v1::LogChunk>> LogWatch::Read(const std::string& execution_id,
                                                         uint64_t after_seq,
                                                         size_t max_bytes) const {
  return source_->Read(execution_id, after_seq, max_bytes);
}

void LogWatch::Acknowledge(const std::string& execution_id, uint64_t durable_seq) {
  source_->Acknowledge(execution_id, durable_seq);
  {
    MutexLock lock(&mutex_);
    const auto it = watched_.find(execution_id);
    if (it == watched_.end() || durable_seq < it->second) return;
    watched_.erase(it);
  }
  stored_(execution_id);
}

void LogWatch::Discard(const std::string& execution_id) {
  source_->Discard(execution_id);
  {
    MutexLock lock(&mutex_);
    if (watched_.erase(execution_id) == 0) return;
  }
  stored_(execution_id);
}

}  // namespace cronium::agent
