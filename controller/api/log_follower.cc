// SPDX-License-Identifier: Apache-2.0
#include "controller/api/log_follower.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/proto_time.h"
#include "common/rpc/pull_stream.h"
#include "controller/api/job_feed.h"
#include "controller/api/presenter.h"
#include "controller/core/lifecycle.h"

namespace cronium::controller {
namespace {

// Data of one response: large enough for throughput, small enough that a live line is not held up
// behind it.
constexpr int64_t kReadBytes = 256 << 10;

using FollowReactor = grpc::ServerWriteReactor<v1::FollowLogsResponse>;

// Pages the log from disk at the reader's speed, and waits for the store's word when it has caught
// up. No entry is missed at the seam of replay and live, since both are the same read from the same
// position.
class LogFollower final : public PullStream<FollowReactor, v1::FollowLogsResponse> {
 public:
  LogFollower(const Services& services, const v1::Job& job, const v1::FollowLogsRequest& request)
      : PullStream(services.executor), services_(services), request_(request), job_(job) {
    if (request_.follow()) {
      job_subscription_ = services_.feed->Subscribe(job.namespace_(), {job.id()},
                                                    [this](const v1::Job&) { OnJobChange(); });
      // The job may have changed between its reading and the subscription.
      job_changed_ = true;
    }
    Wake();
  }

 private:
  void OnJobChange() {
    job_changed_ = true;
    Wake();
  }

  PullResult Pull(v1::FollowLogsResponse* message) override {
    absl::StatusOr<bool> more = Advance(message);
    if (!more.ok()) return PullResult::Finish(ToGrpcStatus(more.status()));
    if (*more) return PullResult::Message();
    return ended_ ? PullResult::Finish(grpc::Status::OK) : PullResult::Wait();
  }

  // Fills in the next message; false where there is none now, or (ended_) at all.
  absl::StatusOr<bool> Advance(v1::FollowLogsResponse* message) {
    while (!ended_) {
      // Whether the job is at its end must be known before the log is read to its own: then what
      // was read was all.
      if (absl::Status status = RefreshJob(); !status.ok()) return status;
      if (!execution_.has_value()) {
        absl::StatusOr<bool> opened = OpenExecution();
        if (!opened.ok()) return opened.status();
        if (!*opened) {
          if (MayEnd()) return Final(message);
          return false;
        }
      }
      absl::StatusOr<bool> read = ReadChunks(message);
      if (!read.ok() || *read) return read;
      if (MoveToNextExecution()) continue;
      if (MayEnd()) return Final(message);
      return false;
    }
    return false;
  }

  absl::Status RefreshJob() {
    if (!job_changed_.exchange(false)) return absl::OkStatus();
    absl::StatusOr<v1::Job> job = services_.store->GetJob(job_.id());
    if (!job.ok()) return job.status();
    job_ = *std::move(job);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> OpenExecution() {
    const std::string& id =
        request_.execution_id().empty() ? job_.execution_id() : request_.execution_id();
    if (id.empty()) return false;
    absl::StatusOr<v1::Execution> execution = services_.store->GetExecution(id);
    if (!execution.ok()) return execution.status();
    const LogKey key = LogKeyOf(*execution);
    if (request_.follow()) {
      auto subscription = services_.logs->Subscribe(key, [this](uint64_t) { Wake(); });
      if (!subscription.ok()) return subscription.status();
      log_subscription_ = *std::move(subscription);
    }
    absl::StatusOr<uint64_t> start = StartPosition(key);
    if (!start.ok()) return start.status();
    execution_ = *std::move(execution);
    after_seq_ = *start;
    return true;
  }

  // The request's position holds for the first execution; a later attempt is shown from its start.
  absl::StatusOr<uint64_t> StartPosition(const LogKey& key) {
    if (!first_execution_) return uint64_t{0};
    uint64_t start = request_.after_seq();
    if (request_.tail() > 0) {
      absl::StatusOr<uint64_t> tail = services_.logs->ReadTail(key, request_.tail());
      if (!tail.ok()) return tail;
      start = std::max(start, *tail);
    }
    if (request_.has_since()) {
      absl::StatusOr<uint64_t> since = services_.logs->SeekTime(key, ToTime(request_.since()));
      if (!since.ok()) return since;
      start = std::max(start, *since);
    }
    return start;
  }

  absl::StatusOr<bool> ReadChunks(v1::FollowLogsResponse* message) {
    const LogKey key = LogKeyOf(*execution_);
    while (true) {
      absl::StatusOr<ReadResult> result = services_.logs->Read(key, after_seq_, kReadBytes);
      if (!result.ok()) return result.status();
      if (result->chunks.empty()) return TellCollected(key, message);
      after_seq_ = result->next_after_seq;
      for (v1::LogChunk& chunk : result->chunks) {
        if (Wanted(chunk)) *message->add_chunks() = std::move(chunk);
      }
      if (message->chunks_size() > 0) {
        message->set_execution_id(execution_->id());
        return true;
      }
    }
  }

  // Where retention removed the log: one cut for all of it that was asked for.
  absl::StatusOr<bool> TellCollected(const LogKey& key, v1::FollowLogsResponse* message) {
    const uint64_t last_seq = execution_->log().last_seq();
    if (!IsEnded(execution_->state()) || after_seq_ >= last_seq) return false;
    absl::StatusOr<LogState> state = services_.logs->Summary(key);
    if (!state.ok()) return state.status();
    if (!IsCollected(*execution_, *state)) return false;
    v1::LogChunk* chunk = message->add_chunks();
    chunk->set_first_seq(after_seq_ + 1);
    chunk->mutable_cut()->set_first_seq(after_seq_ + 1);
    chunk->mutable_cut()->set_last_seq(last_seq);
    chunk->mutable_cut()->set_collected(true);
    message->set_execution_id(execution_->id());
    after_seq_ = last_seq;
    return true;
  }

  bool Wanted(const v1::LogChunk& chunk) const {
    if (request_.streams().empty() || chunk.has_cut()) return true;
    return std::find(request_.streams().begin(), request_.streams().end(), chunk.stream()) !=
           request_.streams().end();
  }

  // Where another attempt took over, its log follows.
  bool MoveToNextExecution() {
    if (!request_.execution_id().empty() || job_.execution_id() == execution_->id()) return false;
    execution_.reset();
    log_subscription_.reset();
    first_execution_ = false;
    return true;
  }

  bool MayEnd() const { return !request_.follow() || IsEnded(job_.state()); }

  bool Final(v1::FollowLogsResponse* message) {
    ended_ = true;
    if (execution_.has_value()) message->set_execution_id(execution_->id());
    *message->mutable_job() = job_;
    PresentJob(services_, message->mutable_job());
    message->mutable_job()->clear_spec();
    return true;
  }

  void OnStopped() override {
    job_subscription_.reset();
    log_subscription_.reset();
  }

  const Services& services_;
  const v1::FollowLogsRequest request_;
  v1::Job job_;
  std::atomic<bool> job_changed_{false};
  std::optional<v1::Execution> execution_;
  bool first_execution_ = true;
  uint64_t after_seq_ = 0;
  bool ended_ = false;
  std::unique_ptr<JobFeed::Subscription> job_subscription_;
  std::unique_ptr<LogSubscription> log_subscription_;
};

}  // namespace

FollowReactor* StartLogFollower(const Services& services, const v1::Job& job,
                                const v1::FollowLogsRequest& request) {
  return new LogFollower(services, job, request);
}

}  // namespace cronium::controller
