// SPDX-License-Identifier: Apache-2.0
#include "controller/api/job_watcher.h"

#include <utility>

#include "common/rpc/pull_stream.h"
#include "controller/api/job_watch.h"
#include "controller/api/presenter.h"

namespace cronium::controller {
namespace {

using WatchReactor = grpc::ServerWriteReactor<v1::WatchJobsResponse>;

// Carries one JobWatch to its caller.
class JobWatcher final : public PullStream<WatchReactor, v1::WatchJobsResponse> {
 public:
  JobWatcher(const Services& services, std::string name_space, const v1::WatchJobsRequest& request)
      : PullStream(services.executor),
        watch_({.store = services.store,
                .feed = services.feed,
                .present = [&services](v1::Job* job) { PresentJob(services, job); }},
               std::move(name_space), request, [this] { Wake(); }) {
    Wake();
  }

 private:
  PullResult Pull(v1::WatchJobsResponse* message) override {
    const absl::StatusOr<bool> more = watch_.Advance(message);
    if (!more.ok()) return PullResult::Finish(ToGrpcStatus(more.status()));
    if (*more) return PullResult::Message();
    return watch_.ended() ? PullResult::Finish(grpc::Status::OK) : PullResult::Wait();
  }

  void OnStopped() override { watch_.Stop(); }

  JobWatch watch_;
};

}  // namespace

WatchReactor* StartJobWatcher(const Services& services, std::string name_space,
                              const v1::WatchJobsRequest& request) {
  return new JobWatcher(services, std::move(name_space), request);
}

}  // namespace cronium::controller
