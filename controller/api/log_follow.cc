// SPDX-License-Identifier: Apache-2.0
#include "controller/api/log_follow.h"

#include <algorithm>
#include <utility>

#include "common/proto_time.h"
#include "common/protocol_rules.h"
#include "controller/core/lifecycle.h"

namespace cronium::controller {
namespace {

// Data of one response: large enough for throughput, small enough that a live line is not held up
// behind it.
constexpr int64_t kFollowReadBytes = 256 << 10;

LogKey KeyOf(const v1::Execution& execution) {
  return {execution.namespace_(), execution.id(), ToTime(execution.assign_time())};
}

}  // namespace

bool IsCollected(const v1::Execution& execution, const LogState& state) {
  return IsEnded(execution.state()) && execution.log().last_seq() > 0 && state.durable_seq == 0;
}

LogFollow::LogFollow(LogFollowSources sources, v1::Job job, v1::FollowLogsRequest request,
                     std::function<void()> wake)
    : sources_(std::move(sources)),
      request_(std::move(request)),
      wake_(std::move(wake)),
      job_(std::move(job)) {}

absl::StatusOr<bool> LogFollow::Advance(v1::FollowLogsResponse* message) {
  at_end_ = false;
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
    absl::StatusOr<bool> moved = MoveToNextExecution();
    if (!moved.ok()) return moved;
    if (*moved) continue;
    if (MayEnd()) return Final(message);
    return false;
  }
  return false;
}

absl::Status LogFollow::RefreshJob() {
  if (!job_changed_.exchange(false)) return absl::OkStatus();
  absl::StatusOr<v1::Job> job = sources_.store->GetJob(job_.id());
  if (!job.ok()) return job.status();
  job_ = *std::move(job);
  return absl::OkStatus();
}

absl::StatusOr<bool> LogFollow::OpenExecution() {
  const std::string& id = !next_execution_id_.empty()              ? next_execution_id_
                          : !request_.execution_id().empty()       ? request_.execution_id()
                          : !request_.after_execution_id().empty() ? request_.after_execution_id()
                                                                   : job_.execution_id();
  if (id.empty()) return false;
  absl::StatusOr<v1::Execution> execution = sources_.store->GetExecution(id);
  if (!execution.ok()) return execution.status();
  const LogKey key = KeyOf(*execution);
  if (request_.follow()) {
    auto subscription = sources_.subscribe(key, [this](uint64_t) { wake_(); });
    if (!subscription.ok()) return subscription.status();
    subscription_ = *std::move(subscription);
  }
  absl::StatusOr<uint64_t> start = StartPosition(key);
  if (!start.ok()) return start.status();
  execution_ = *std::move(execution);
  after_seq_ = *start;
  return true;
}

// The request's position holds for the first execution; a later attempt is shown from its start.
absl::StatusOr<uint64_t> LogFollow::StartPosition(const LogKey& key) const {
  if (!first_execution_) return uint64_t{0};
  uint64_t start = request_.after_seq();
  if (request_.tail() > 0) {
    absl::StatusOr<uint64_t> tail = sources_.read_tail(key, request_.tail());
    if (!tail.ok()) return tail;
    start = std::max(start, *tail);
  }
  if (request_.has_since()) {
    absl::StatusOr<uint64_t> since = sources_.seek_time(key, ToTime(request_.since()));
    if (!since.ok()) return since;
    start = std::max(start, *since);
  }
  return start;
}

absl::StatusOr<bool> LogFollow::ReadChunks(v1::FollowLogsResponse* message) {
  const LogKey key = KeyOf(*execution_);
  RuleApplied(35);  // docs/protocol.md P35
  while (true) {
    absl::StatusOr<ReadResult> result = sources_.read(key, after_seq_, kFollowReadBytes);
    if (!result.ok()) return result.status();
    if (result->chunks.empty()) return TellCollected(key, message);
    after_seq_ = result->next_after_seq;
    at_end_ = result->at_end;
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
absl::StatusOr<bool> LogFollow::TellCollected(const LogKey& key, v1::FollowLogsResponse* message) {
  const uint64_t last_seq = execution_->log().last_seq();
  if (!IsEnded(execution_->state()) || after_seq_ >= last_seq) return false;
  absl::StatusOr<LogState> state = sources_.summary(key);
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

bool LogFollow::Wanted(const v1::LogChunk& chunk) const {
  if (request_.streams().empty() || chunk.has_cut()) return true;
  return std::find(request_.streams().begin(), request_.streams().end(), chunk.stream()) !=
         request_.streams().end();
}

bool LogFollow::HasNextExecution() const {
  return request_.execution_id().empty() && job_.execution_id() != execution_->id();
}

// Where another attempt took over, its log follows: of each one, also where several came and went
// while the reader was slow or away.
absl::StatusOr<bool> LogFollow::MoveToNextExecution() {
  if (!HasNextExecution()) return false;
  const absl::StatusOr<std::vector<v1::Execution>> all = sources_.store->ListExecutions(job_.id());
  if (!all.ok()) return all.status();
  const auto next = std::find_if(all->begin(), all->end(), [this](const v1::Execution& execution) {
    return execution.attempt() > execution_->attempt();
  });
  if (next == all->end()) return false;
  next_execution_id_ = next->id();
  execution_.reset();
  subscription_.reset();
  first_execution_ = false;
  return true;
}

bool LogFollow::MayEnd() const { return !request_.follow() || IsEnded(job_.state()); }

bool LogFollow::Final(v1::FollowLogsResponse* message) {
  ended_ = true;
  if (execution_.has_value()) message->set_execution_id(execution_->id());
  *message->mutable_job() = job_;
  return true;
}

}  // namespace cronium::controller
