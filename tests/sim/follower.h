// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_FOLLOWER_H_
#define CRONIUM_TESTS_SIM_FOLLOWER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "controller/api/log_follow.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/slow_reader.h"

namespace cronium::sim {

// One who follows a job's log to its end, over restarts of the controller, and must see each entry
// once.
class Follower {
 public:
  Follower(Scheduler* scheduler, SimStore* store, SimLogs* logs, std::string job_id)
      : scheduler_(scheduler), store_(store), logs_(logs), job_id_(std::move(job_id)) {}

  const std::string& job_id() const { return job_id_; }
  bool ended() const { return ended_; }

  // A controller is there: asks for what comes after what it has seen.
  void Connect();
  // It is gone.
  void Disconnect() { follow_.reset(); }
  void OnJobChange();

 private:
  void Pump();
  void Take(const v1::FollowLogsResponse& message);

  Scheduler* const scheduler_;
  SlowReader reader_{scheduler_, [this] { Pump(); }};
  SimStore* const store_;
  SimLogs* const logs_;
  const std::string job_id_;
  std::unique_ptr<controller::LogFollow> follow_;
  bool ended_ = false;
  std::string execution_id_;
  uint64_t last_seq_ = 0;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_FOLLOWER_H_
