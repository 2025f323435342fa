// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_JOB_LOAD_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_JOB_LOAD_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "cronium/v1/job_service.grpc.pb.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {

struct JobLoadOptions {
  // CreateJob calls under way.
  int calls = 64;
  // Jobs that have not ended, at most.
  int live_jobs = 1024;
};

// Times in ns; latencies of jobs that ended in the interval.
struct LoadInterval {
  int64_t ended = 0;
  // From CreateJob's begin to the watch that shows the job's end.
  std::vector<int64_t> latencies;
};

// Keeps the controller busy with small jobs, and sees each one's end on one WatchJobs stream of the
// whole namespace.
//
// gRPC's threads submit (each answer sends the next call), one thread of its own reads the stream.
// Thread-safe.
class JobLoad {
 public:
  // on_failure: something went wrong; from any thread, at most once. target must outlive it.
  JobLoad(const Target* target, JobLoadOptions options,
          std::function<void(const absl::Status&)> on_failure);
  ~JobLoad();

  void Start();
  // What ended since the last call.
  LoadInterval TakeInterval();
  // Submits no more, and waits until all jobs have ended, or until a failure.
  void Drain();

 private:
  struct Call;

  void Submit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnCreated(Call* call, const grpc::Status& status);
  void Watch();
  void OnEnded(const v1::Job& job);
  void Fail(const absl::Status& status);

  const Target* const target_;
  const JobLoadOptions options_;
  const std::function<void(const absl::Status&)> on_failure_;
  const v1::JobSpec spec_;
  const std::shared_ptr<grpc::Channel> submit_channel_;
  const std::unique_ptr<v1::JobService::Stub> submit_stub_;
  const std::shared_ptr<grpc::Channel> watch_channel_;
  const std::unique_ptr<v1::JobService::Stub> watch_stub_;
  grpc::ClientContext watch_context_;
  std::thread watcher_;

  Mutex mutex_;
  CondVar changed_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int live_ ABSL_GUARDED_BY(mutex_) = 0;
  // When each job's CreateJob began, by the number in its request id.
  std::vector<int64_t> begun_ns_ ABSL_GUARDED_BY(mutex_);
  LoadInterval interval_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_JOB_LOAD_H_
