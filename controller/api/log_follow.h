// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_LOG_FOLLOW_H_
#define CRONIUM_CONTROLLER_API_LOG_FOLLOW_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/core/store.h"
#include "controller/logs/log_store.h"
#include "cronium/v1/job_service.pb.h"

namespace cronium::controller {

// What a follower reads from. All are LogStore's, by the same names, but for `store`.
struct LogFollowSources {
  Store* store;
  std::function<absl::StatusOr<ReadResult>(const LogKey&, uint64_t after_seq, int64_t max_bytes)>
      read;
  std::function<absl::StatusOr<uint64_t>(const LogKey&, uint64_t entries)> read_tail;
  std::function<absl::StatusOr<uint64_t>(const LogKey&, absl::Time)> seek_time;
  std::function<absl::StatusOr<LogState>(const LogKey&)> summary;
  std::function<absl::StatusOr<std::unique_ptr<LogSubscription>>(const LogKey&,
                                                                 LogStore::DurableCallback)>
      subscribe;
};

// Whether retention removed the log; `execution` as stored, `state` as the log store knows it.
bool IsCollected(const v1::Execution& execution, const LogState& state);

// One FollowLogs, without its transport: pages the log from disk at the reader's speed, and waits
// for the store's word when it has caught up. No entry is missed at the seam of replay and live,
// since both are the same read from the same position (docs/protocol.md P35). A position is an
// execution and a number: from the first that is shown, the logs of all later attempts follow.
//
// One caller at a time, but OnJobChange, which may come from any thread.
class LogFollow {
 public:
  // `wake` is called, on any thread, when the log has grown.
  LogFollow(LogFollowSources sources, v1::Job job, v1::FollowLogsRequest request,
            std::function<void()> wake);

  // The job has changed, or may have.
  void OnJobChange() { job_changed_ = true; }

  // Fills in the next message; false where there is none now, or (ended) at all. The last one has
  // the job in its final state, as stored,
  // with its spec.
  absl::StatusOr<bool> Advance(v1::FollowLogsResponse* message);
  bool ended() const { return ended_; }
  // The message that Advance filled in was the last until `wake` is called or the job changes.
  bool at_end() const { return at_end_ && !MayEnd() && !HasNextExecution(); }

  // Calls `wake` no more once it returned.
  void Stop() { subscription_.reset(); }

 private:
  absl::Status RefreshJob();
  absl::StatusOr<bool> OpenExecution();
  absl::StatusOr<uint64_t> StartPosition(const LogKey& key) const;
  absl::StatusOr<bool> ReadChunks(v1::FollowLogsResponse* message);
  absl::StatusOr<bool> TellCollected(const LogKey& key, v1::FollowLogsResponse* message);
  bool Wanted(const v1::LogChunk& chunk) const;
  // Another attempt took over, and its log is wanted too.
  bool HasNextExecution() const;
  absl::StatusOr<bool> MoveToNextExecution();
  bool MayEnd() const;
  bool Final(v1::FollowLogsResponse* message);

  const LogFollowSources sources_;
  const v1::FollowLogsRequest request_;
  const std::function<void()> wake_;
  v1::Job job_;
  std::atomic<bool> job_changed_{false};
  std::optional<v1::Execution> execution_;
  bool first_execution_ = true;
  // The one to open next, once one was read.
  std::string next_execution_id_;
  uint64_t after_seq_ = 0;
  bool ended_ = false;
  // The log had nothing durable beyond what the last Advance read.
  bool at_end_ = false;
  std::unique_ptr<LogSubscription> subscription_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_LOG_FOLLOW_H_
