// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_HELD_EXECUTION_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_HELD_EXECUTION_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "cronium/v1/agent_service.pb.h"
#include "tools/bench/programs/simulated_agent.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {

// One execution that runs for as long as the object lives, on a simulated agent of its own: what a
// script's calls need. A thread sends the agent's heartbeats.
class HeldExecution {
 public:
  // target must outlive it.
  static absl::StatusOr<std::unique_ptr<HeldExecution>> Start(const Target* target,
                                                              const std::string& node);
  ~HeldExecution();

  const std::string& id() const { return assignment_.execution_id(); }
  const std::string& token() const { return assignment_.token(); }

  // Not OK once the agent's session has ended: then the execution is not live for much longer.
  absl::Status status() const;

 private:
  HeldExecution(const Target* target, const std::string& node);
  absl::Status CreateJob(const Target& target) const;
  absl::Status WaitUntilRunning();
  void SendHeartbeats();

  SimulatedAgent agent_;
  v1::Assignment assignment_;
  std::thread heartbeats_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration period_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_HELD_EXECUTION_H_
