// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_SIMULATED_AGENT_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_SIMULATED_AGENT_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "cronium/v1/agent_service.grpc.pb.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {

// An agent without an engine: a session as an agent keeps it, in which each assignment is answered
// by the reports of a job that prepared, ran, and exited with 0 and no output. Each report waits
// for the acknowledgement of the one before, as it does for a real container, which takes longer to
// start than a commit: so three separate commits end a job, and none is merged away.
//
// gRPC's threads drive it; TimeToHeartbeat comes from the owner's. Thread-safe.
class SimulatedAgent : public grpc::ClientBidiReactor<v1::SessionRequest, v1::SessionResponse> {
 public:
  // on_welcome: the session is open; then its heartbeat period. on_end: it is not any more, unless
  // Stop asked for that. Both from gRPC's threads. target must outlive it.
  SimulatedAgent(const Target* target, std::string name, int slots,
                 std::function<void(absl::Duration)> on_welcome,
                 std::function<void(const std::string&, const absl::Status&)> on_end);

  // Before Start: jobs do not end by themselves, and on_running gets each one whose report RUNNING
  // is acknowledged. From gRPC's threads.
  void KeepRunning(std::function<void(const v1::Assignment&)> on_running) {
    on_running_ = std::move(on_running);
  }

  absl::Status Start();
  void TimeToHeartbeat();
  // Ends the session and waits for that.
  void Stop();

 private:
  // A report that is not acknowledged, and what comes after it.
  struct Sent {
    uint64_t seq;
    v1::Assignment assignment;
    v1::ExecutionState state;
  };

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  // Nothing more is written: lets the stream come to its end.
  void Close();
  v1::Hello MakeHello() const;
  void AddReport(v1::Assignment assignment, v1::ExecutionState state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What now runs, and is to be told.
  std::vector<v1::Assignment> Acknowledged(uint64_t seq) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Target* const target_;
  const std::string name_;
  const int slots_;
  const std::function<void(absl::Duration)> on_welcome_;
  const std::function<void(const std::string&, const absl::Status&)> on_end_;
  std::function<void(const v1::Assignment&)> on_running_;

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::AgentService::Stub> stub_;
  grpc::ClientContext context_;
  v1::SessionRequest request_;
  v1::SessionResponse response_;

  Mutex mutex_;
  CondVar done_changed_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool heartbeat_due_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_seq_ ABSL_GUARDED_BY(mutex_) = 1;
  std::deque<v1::ExecutionReport> to_send_ ABSL_GUARDED_BY(mutex_);
  std::deque<Sent> unacknowledged_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_SIMULATED_AGENT_H_
