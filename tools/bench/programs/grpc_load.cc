// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/grpc_load.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "common/mutex.h"
#include "common/rpc/status.h"

namespace cronium::bench {
namespace {

class GrpcLoad {
 public:
  explicit GrpcLoad(const GrpcLoadOptions& options)
      : options_(options), stub_(v1::RuntimeService::NewStub(options.channel)) {}

  absl::StatusOr<LoadResult> Run() {
    const int64_t start_ns = absl::GetCurrentTimeNanos();
    count_from_ns_ = start_ns + absl::ToInt64Nanoseconds(options_.warmup);
    end_ns_ = count_from_ns_ + absl::ToInt64Nanoseconds(options_.duration);
    {
      MutexLock lock(&mutex_);
      under_way_ = options_.calls_under_way;
    }
    for (int i = 0; i < options_.calls_under_way; ++i) Make();
    MutexLock lock(&mutex_);
    while (under_way_ > 0) none_.Wait(&mutex_);
    if (!status_.ok()) return status_;
    result_.seconds = absl::ToDoubleSeconds(options_.duration);
    return std::move(result_);
  }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::ReadVariableResponse response;
    int64_t begun_ns = absl::GetCurrentTimeNanos();
  };

  void Make() {
    auto* call = new Call();
    stub_->async()->ReadVariable(&call->context, &options_.request, &call->response,
                                 [this, call](const grpc::Status& status) {
                                   const int64_t begun_ns = call->begun_ns;
                                   delete call;
                                   OnEnd(begun_ns, FromGrpcStatus(status));
                                 });
  }

  void OnEnd(int64_t begun_ns, const absl::Status& status) {
    const int64_t now_ns = absl::GetCurrentTimeNanos();
    {
      MutexLock lock(&mutex_);
      if (!status.ok()) status_.Update(status);
      if (begun_ns >= count_from_ns_ && now_ns < end_ns_) {
        result_.latencies_ns.push_back(now_ns - begun_ns);
      }
      if (now_ns >= end_ns_ || !status_.ok()) {
        if (--under_way_ == 0) none_.NotifyAll();
        return;
      }
    }
    Make();
  }

  const GrpcLoadOptions& options_;
  const std::unique_ptr<v1::RuntimeService::Stub> stub_;
  int64_t count_from_ns_ = 0;
  int64_t end_ns_ = 0;

  Mutex mutex_;
  CondVar none_;
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  LoadResult result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<LoadResult> RunGrpcLoad(const GrpcLoadOptions& options) {
  return GrpcLoad(options).Run();
}

}  // namespace cronium::bench
