// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_OPEN_LOAD_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_OPEN_LOAD_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "cronium/v1/job_service.grpc.pb.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {

// Submits small jobs at a fixed rate, however long the answers take and whether or not there is a
// controller: a call that is not answered is made again, with the same request id, until it is.
//
// One thread paces, gRPC's threads answer. Thread-safe.
class OpenLoad {
 public:
  OpenLoad(const Target* target, double rate) : target_(target), rate_(rate) {}
  ~OpenLoad();

  void Start();
  // No new jobs; waits until each one that was begun is answered, or for an error that is none of a
  // controller that is away.
  absl::Status Finish();

  struct Counts {
    int64_t submitted = 0;
    int64_t answered = 0;
    // Calls that were made again.
    int64_t repeated = 0;
  };
  Counts counts() const;
  // From Start to Finish.
  absl::Duration time() const { return end_ - begin_; }
  // Job ids by number of submission. After Finish.
  const std::vector<std::string>& job_ids() const { return job_ids_; }

  static std::string RequestId(int64_t number);

 private:
  struct Call;

  void Pace();
  void Submit(int64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnAnswer(Call* call, const grpc::Status& status);

  const Target* const target_;
  const double rate_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::JobService::Stub> stub_;
  std::thread pacer_;
  absl::Time begin_;
  absl::Time end_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  std::deque<int64_t> to_repeat_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> job_ids_;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_OPEN_LOAD_H_
