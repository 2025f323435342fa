// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_LASTING_AGENT_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_LASTING_AGENT_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "cronium/v1/agent_service.grpc.pb.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {

// An agent without an engine that outlives its controller: what it holds and what is not
// acknowledged stay with it, as in an agent's journal, and each new session begins with them. Each
// assignment is answered by the reports of a job that prepared, ran, and exited with 0 and no
// output, each after the acknowledgement of the one before.
//
// A thread of its own keeps the session. Thread-safe.
class LastingAgent {
 public:
  // on_begin: an execution begins that was not here before. Called on the agent's thread.
  LastingAgent(const Target* target, std::string name, int slots, std::function<void()> on_begin)
      : target_(target), name_(std::move(name)), slots_(slots), on_begin_(std::move(on_begin)) {}
  ~LastingAgent() { Stop(); }

  void Start();
  void Stop();

  // Executions that were begun, ever; one that was begun twice counts twice.
  int64_t begun() const;
  int64_t begun_twice() const;

 private:
  using Stream = grpc::ClientReaderWriter<v1::SessionRequest, v1::SessionResponse>;

  void Run();
  // One session, until it ends.
  void KeepSession();
  v1::SessionRequest MakeHello() const;
  void Welcomed(const v1::Welcome& welcome);
  void Accept(const v1::Assignment& assignment);
  void Acknowledged(uint64_t seq);
  void Report(const std::string& execution_id, v1::ExecutionState state);
  // What was not sent on this session.
  bool SendReports(Stream* stream);

  const Target* const target_;
  const std::string name_;
  const int slots_;
  const std::function<void()> on_begin_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::AgentService::Stub> stub_;
  std::thread thread_;

  // The thread's.
  std::map<std::string, v1::ExecutionState> held_;
  std::deque<v1::ExecutionReport> unacknowledged_;
  uint64_t last_seq_ = 0;
  uint64_t last_sent_ = 0;
  // Ids of all executions that were begun, to see one that begins twice.
  std::map<std::string, int> begun_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t begun_count_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t begun_twice_ ABSL_GUARDED_BY(mutex_) = 0;
  // The present session's, for Stop to cancel.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_LASTING_AGENT_H_
