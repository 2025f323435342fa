// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/watcher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/core/lifecycle.h"

namespace cronium::sim {

void Watcher::Connect(controller::JobFeed* feed) {
  if (watch_ != nullptr) return;
  if (ended()) return;
  v1::WatchJobsRequest request;
  if (!job_id_.empty()) {
    // As the service does: a job that is not there is not watched.
    if (!store_->GetJob(job_id_).ok()) return;
    request.add_job_ids(job_id_);
  } else if (resume_time_.has_value() && may_resume_) {
    *request.mutable_ended_since() = *resume_time_;
  }
  if (!request.has_ended_since()) since_ = scheduler_->now();
  present_ = checker_->Versions(job_id_);
  reads_store_ = true;
  watch_ = std::make_unique<controller::JobWatch>(
      controller::JobWatchSources{.store = store_, .feed = feed, .present = [](v1::Job*) {}},
      "default", request, [this] { reader_.Wake(); });
  reader_.Wake();
}

void Watcher::Pump() {
  if (watch_ != nullptr && std::exchange(reads_store_, false)) {
    for (std::string& job : checker_->CollectedSince(disconnected_at_)) {
      removed_meanwhile_.insert(std::move(job));
    }
  }
  while (watch_ != nullptr) {
    v1::WatchJobsResponse message;
    const absl::StatusOr<bool> more = watch_->Advance(&message);
    if (!more.ok()) scheduler_->Fail(absl::StrCat("a watcher: ", more.status().ToString()));
    if (!*more) break;
    Take(message);
  }
  if (watch_ == nullptr) return;
  if (!present_.empty()) {
    scheduler_->Fail(
        absl::StrCat("a watcher was not shown the present state of ", present_.begin()->first));
  }
  if (!watch_->ended()) return;
  watch_.reset();
  if (!ended()) {
    scheduler_->Fail(absl::StrCat("watching ", job_id_, " ended before the job"));
  }
}

void Watcher::Take(const v1::WatchJobsResponse& message) {
  const v1::Job& job = message.job();
  if (message.has_resume_time()) resume_time_ = message.resume_time();
  const uint64_t version = checker_->CheckShown(job);
  Seen& seen = seen_[job.id()];
  if (const auto present = present_.find(job.id()); present != present_.end()) {
    // The first of this call: what it has seen before may come once more, nothing older.
    if (version < present->second || version < seen.version) {
      scheduler_->Fail(absl::StrCat("a watcher of ", job.id(), " is first shown version ", version,
                                    " after ", std::max(present->second, seen.version)));
    }
    present_.erase(present);
  } else if (seen.ended && version == seen.version && job_id_.empty()) {
    // Who goes on may see an end again.
  } else if (version <= seen.version) {
    scheduler_->Fail(absl::StrCat("a watcher of ", job.id(), " is shown version ", version,
                                  " after ", seen.version));
  }
  seen = {version, controller::IsEnded(job.state())};
}

void Watcher::CheckEnd() const {
  if (!job_id_.empty()) {
    if (!ended()) scheduler_->Fail(absl::StrCat("who watches ", job_id_, " did not see its end"));
    return;
  }
  // Those that had ended before are not shown.
  for (const std::string& job : checker_->EndedSince(since_)) {
    if (removed_meanwhile_.contains(job)) continue;
    const auto it = seen_.find(job);
    if (it == seen_.end() || !it->second.ended) {
      scheduler_->Fail(absl::StrCat("who watches all jobs did not see the end of ", job));
    }
  }
}

}  // namespace cronium::sim
