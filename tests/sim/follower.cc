// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/follower.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/core/lifecycle.h"

namespace cronium::sim {

void Follower::Connect() {
  if (ended_ || follow_ != nullptr) return;
  const absl::StatusOr<v1::Job> job = store_->GetJob(job_id_);
  if (!job.ok()) return;
  v1::FollowLogsRequest request;
  request.set_job_id(job_id_);
  request.set_follow(true);
  request.set_after_execution_id(execution_id_);
  request.set_after_seq(last_seq_);
  follow_ = std::make_unique<controller::LogFollow>(
      controller::LogFollowSources{
          .store = store_,
          .read = [this](const controller::LogKey& key, uint64_t after,
                         int64_t max) -> absl::StatusOr<controller::ReadResult> {
            return logs_->Read(key.execution_id, after, max);
          },
          .read_tail = [](const controller::LogKey&, uint64_t) { return uint64_t{0}; },
          .seek_time = [](const controller::LogKey&, absl::Time) { return uint64_t{0}; },
          .summary = [this](const controller::LogKey& key) -> absl::StatusOr<controller::LogState> {
            controller::LogState state;
            state.durable_seq = logs_->DurableSeq(key.execution_id);
            return state;
          },
          .subscribe = [this](const controller::LogKey& key,
                              controller::LogStore::DurableCallback callback)
              -> absl::StatusOr<std::unique_ptr<controller::LogSubscription>> {
            return logs_->Subscribe(key.execution_id, std::move(callback));
          }},
      *job, request, [this] { reader_.Wake(); });
  follow_->OnJobChange();
  reader_.Wake();
}

void Follower::OnJobChange() {
  if (follow_ == nullptr) return;
  follow_->OnJobChange();
  reader_.Wake();
}

void Follower::Pump() {
  while (follow_ != nullptr) {
    v1::FollowLogsResponse message;
    const absl::StatusOr<bool> more = follow_->Advance(&message);
    if (!more.ok()) scheduler_->Fail(absl::StrCat("a follower: ", more.status().ToString()));
    if (!*more) return;
    Take(message);
    // As a stream does after its last message for now.
    if (follow_ != nullptr && follow_->at_end()) return;
  }
}

void Follower::Take(const v1::FollowLogsResponse& message) {
  if (message.chunks_size() > 0 && message.execution_id() != execution_id_) {
    execution_id_ = message.execution_id();
    last_seq_ = 0;
  }
  for (const v1::LogChunk& chunk : message.chunks()) {
    if (chunk.first_seq() != last_seq_ + 1) {
      scheduler_->Fail(absl::StrCat("a follower of ", execution_id_, " sees ", chunk.first_seq(),
                                    " after ", last_seq_));
    }
    last_seq_ = chunk.first_seq() + chunk.entry_count() - 1;
  }
  if (!message.has_job()) return;
  follow_.reset();
  ended_ = true;
  if (!controller::IsEnded(message.job().state())) {
    scheduler_->Fail(absl::StrCat("following ", job_id_, " ended before the job"));
  }
  const std::string& last = message.job().execution_id();
  const uint64_t stored = last.empty() ? 0 : logs_->DurableSeq(last);
  if (stored > 0 && (last != execution_id_ || stored != last_seq_)) {
    scheduler_->Fail(absl::StrCat("following ", job_id_, " ended at ", last_seq_, " of ", stored));
  }
}

}  // namespace cronium::sim
