// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_EXECUTION_LOG_WATCH_H_
#define CRONIUM_AGENT_EXECUTION_LOG_WATCH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/logs/log_source.h"
#include "common/mutex.h"

namespace cronium::agent {

// The log source that the sender works on, with an eye on its acknowledgements: tells when the
// whole log of an ended execution is stored, or is not wanted, so that its spool may go.
//
// Thread-safe. `stored` is called on the thread of whoever acknowledged, with no lock held.
class LogWatch : public LogSource {
 public:
  // `source` must outlive the watch.
  LogWatch(LogSource* source, std::function<void(const std::string& execution_id)> stored)
      : source_(source), stored_(std::move(stored)) {}

  // From now on, calls `stored` once everything up to last_seq is acknowledged. True where it is
  // already: `stored` is then not called.
  bool Watch(const std::string& execution_id, uint64_t last_seq);
  void Unwatch(const std::string& execution_id);

  // LogSource:
  absl::StatusOr<LogState> State(const std::string& execution_id) const override;
  absl::StatusOr<std::vector<v1::LogChunk>> Read(const std::string& execution_id,
                                                 uint64_t after_seq,
                                                 size_t max_bytes) const override;
  void Acknowledge(const std::string& execution_id, uint64_t durable_seq) override;
  void Discard(const std::string& execution_id) override;

 private:
  LogSource* const source_;
  const std::function<void(const std::string&)> stored_;
  Mutex mutex_;
  // Execution to its last seq.
  absl::flat_hash_map<std::string, uint64_t> watched_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_EXECUTION_LOG_WATCH_H_
