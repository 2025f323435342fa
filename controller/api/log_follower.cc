// SPDX-License-Identifier: Apache-2.0
#include "controller/api/log_follower.h"

#include <memory>
#include <utility>

#include "common/rpc/pull_stream.h"
#include "controller/api/job_feed.h"
#include "controller/api/log_follow.h"
#include "controller/api/presenter.h"

namespace cronium::controller {
namespace {

using FollowReactor = grpc::ServerWriteReactor<v1::FollowLogsResponse>;

LogFollowSources SourcesOf(const Services& services) {
  LogStore* const logs = services.logs;
  return {
      .store = services.store,
      .read = [logs](const LogKey& key, uint64_t after_seq,
                     int64_t max_bytes) { return logs->Read(key, after_seq, max_bytes); },
      .read_tail = [logs](const LogKey& key,
                          uint64_t entries) { return logs->ReadTail(key, entries); },
      .seek_time = [logs](const LogKey& key, absl::Time time) { return logs->SeekTime(key, time); },
      .summary = [logs](const LogKey& key) { return logs->Summary(key); },
      .subscribe =
          [logs](const LogKey& key, LogStore::DurableCallback callback) {
            return logs->Subscribe(key, std::move(callback));
          }};
}

// Carries one LogFollow to its caller.
class LogFollower final : public PullStream<FollowReactor, v1::FollowLogsResponse> {
 public:
  LogFollower(const Services& services, const v1::Job& job, const v1::FollowLogsRequest& request)
      : PullStream(services.executor),
        services_(services),
        follow_(SourcesOf(services), job, request, [this] { Wake(); }) {
    if (request.follow()) {
      job_subscription_ =
          services_.feed->Subscribe(job.namespace_(), {job.id()}, [this](const v1::Job&) {
            follow_.OnJobChange();
            Wake();
          });
      // The job may have changed between its reading and the subscription.
      follow_.OnJobChange();
    }
    Wake();
  }

 private:
  PullResult Pull(v1::FollowLogsResponse* message) override {
    absl::StatusOr<bool> more = follow_.Advance(message);
    if (!more.ok()) return PullResult::Finish(ToGrpcStatus(more.status()));
    if (!*more) return follow_.ended() ? PullResult::Finish(grpc::Status::OK) : PullResult::Wait();
    if (message->has_job()) {
      PresentJob(services_, message->mutable_job());
      message->mutable_job()->clear_spec();
    }
    return follow_.at_end() ? PullResult::LastMessage() : PullResult::Message();
  }

  void OnStopped() override {
    job_subscription_.reset();
    follow_.Stop();
  }

  const Services& services_;
  LogFollow follow_;
  std::unique_ptr<JobFeed::Subscription> job_subscription_;
};

}  // namespace

FollowReactor* StartLogFollower(const Services& services, const v1::Job& job,
                                const v1::FollowLogsRequest& request) {
  return new LogFollower(services, job, request);
}

}  // namespace cronium::controller
