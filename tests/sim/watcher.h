// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_WATCHER_H_
#define CRONIUM_TESTS_SIM_WATCHER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "controller/api/job_feed.h"
#include "controller/api/job_watch.h"
#include "tests/sim/checker.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/slow_reader.h"

namespace cronium::sim {

// One who watches a job to its end, or all jobs, over restarts of the controller: must see the
// present state first with each call, only what is committed, states that move forward, and each
// end.
class Watcher {
 public:
  // job_id empty: all jobs.
  Watcher(Scheduler* scheduler, Checker* checker, SimStore* store, std::string job_id)
      : scheduler_(scheduler), checker_(checker), store_(store), job_id_(std::move(job_id)) {}

  const std::string& job_id() const { return job_id_; }
  // Never, of all jobs.
  bool ended() const {
    const auto it = seen_.find(job_id_);
    return it != seen_.end() && it->second.ended;
  }

  // A controller is there, and tells of changes through `feed`.
  void Connect(controller::JobFeed* feed);
  // It is gone.
  void Disconnect() {
    if (watch_ != nullptr) disconnected_at_ = scheduler_->now();
    watch_.reset();
  }
  // The controller's wall clock was set: the times of its ends lead nowhere any more.
  void OnClockSet() { may_resume_ = false; }
  // At the end of the run, when everything has ended.
  void CheckEnd() const;

 private:
  struct Seen {
    uint64_t version = 0;
    bool ended = false;
  };

  void Pump();
  void Take(const v1::WatchJobsResponse& message);

  Scheduler* const scheduler_;
  SlowReader reader_{scheduler_, [this] { Pump(); }};
  Checker* const checker_;
  SimStore* const store_;
  const std::string job_id_;
  std::unique_ptr<controller::JobWatch> watch_;
  // Of this call: what was committed when it began, and is still to come.
  std::map<std::string, uint64_t> present_;
  // When the last call began that did not go on where the one before was.
  absl::Duration since_;
  std::optional<google::protobuf::Timestamp> resume_time_;
  bool may_resume_ = true;
  // When the call before this one was cut off, and jobs that retention removed before this one read
  // the store: it cannot show them.
  absl::Duration disconnected_at_;
  bool reads_store_ = false;
  std::set<std::string> removed_meanwhile_;
  // Over all calls, by job.
  std::map<std::string, Seen> seen_;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_WATCHER_H_
