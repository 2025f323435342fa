// SPDX-License-Identifier: Apache-2.0
#include "controller/api/job_watch.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/proto_time.h"
#include "controller/core/lifecycle.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxPending = 100'000;
constexpr int kPageSize = 500;
// Ends that a caller who goes on sees again at most: room for a wall clock that was set back a
// little meanwhile.
constexpr absl::Duration kSlack = absl::Seconds(1);

uint64_t Version(const v1::Job& job) { return std::strtoull(job.etag().c_str(), nullptr, 10); }

}  // namespace

JobWatch::JobWatch(JobWatchSources sources, std::string name_space,
                   const v1::WatchJobsRequest& request, std::function<void()> wake)
    : sources_(std::move(sources)),
      name_space_(std::move(name_space)),
      job_ids_(request.job_ids().begin(), request.job_ids().end()),
      wake_(std::move(wake)),
      open_(job_ids_.begin(), job_ids_.end()),
      resume_time_(sources_.feed->EndsToldUntil()) {
  if (request.has_ended_since()) {
    ended_since_ = ToTime(request.ended_since());
    resume_time_ = *ended_since_;
  }
  subscription_ = sources_.feed->Subscribe(name_space_, job_ids_,
                                           [this](const v1::Job& job) { OnChange(job); });
}

void JobWatch::OnChange(const v1::Job& job) {
  Add(job);
  wake_();
}

void JobWatch::Add(const v1::Job& job) {
  MutexLock lock(&pending_mutex_);
  const auto [it, inserted] = pending_.try_emplace(job.id(), job);
  if (inserted) {
    order_.push_back(job.id());
  } else if (Version(job) > Version(it->second)) {
    it->second = job;
  } else {
    return;
  }
  if (IsEnded(job.state())) pending_ends_.insert({ToTime(job.end_time()), job.id()});
}

void JobWatch::AddStored(v1::Job job) {
  sources_.present(&job);
  job.clear_spec();
  Add(job);
}

absl::Status JobWatch::LoadPresentState() {
  if (!job_ids_.empty()) {
    for (const std::string& id : job_ids_) {
      absl::StatusOr<v1::Job> job = sources_.store->GetJob(id);
      if (!job.ok()) return job.status();
      AddStored(*std::move(job));
    }
    return absl::OkStatus();
  }
  if (ended_since_.has_value()) {
    if (absl::Status status = LoadEnded(*ended_since_ - kSlack); !status.ok()) return status;
  }
  for (const v1::JobState state : {v1::JOB_STATE_RUNNING, v1::JOB_STATE_QUEUED}) {
    JobQuery query;
    query.name_space = name_space_;
    query.state = state;
    query.limit = kPageSize;
    while (true) {
      absl::StatusOr<Page<v1::Job>> page = sources_.store->ListJobs(query);
      if (!page.ok()) return page.status();
      if (page->more) query.before = PositionOf(page->items.back());
      for (v1::Job& job : page->items) AddStored(std::move(job));
      if (!page->more) break;
    }
  }
  return absl::OkStatus();
}

// Page by page: each begins at the time at which the one before ended, since jobs of one time may
// lie on both sides of a page's border. What comes twice is one for Add.
absl::Status JobWatch::LoadEnded(absl::Time since) {
  for (int limit = kPageSize;;) {
    absl::StatusOr<std::vector<v1::Job>> jobs =
        sources_.store->ListJobsEndedSince(name_space_, since, limit);
    if (!jobs.ok()) return jobs.status();
    const bool more = static_cast<int>(jobs->size()) == limit;
    const absl::Time last = jobs->empty() ? since : ToTime(jobs->back().end_time());
    if (last == since) limit *= 2;
    since = last;
    for (v1::Job& job : *jobs) AddStored(std::move(job));
    if (!more || TooManyPending()) return absl::OkStatus();
  }
}

bool JobWatch::TooManyPending() {
  MutexLock lock(&pending_mutex_);
  return pending_.size() > kMaxPending;
}

absl::StatusOr<bool> JobWatch::Advance(v1::WatchJobsResponse* message) {
  if (!loaded_) {
    loaded_ = true;
    if (absl::Status status = LoadPresentState(); !status.ok()) return status;
  }
  while (std::optional<v1::Job> job = Next()) {
    // A change that was committed before the present state was read may come after it.
    uint64_t& sent = sent_[job->id()];
    if (Version(*job) <= sent) continue;
    sent = Version(*job);
    if (IsEnded(job->state())) {
      open_.erase(job->id());
      if (job_ids_.empty()) sent_.erase(job->id());
    }
    *message->mutable_job() = *std::move(job);
    if (job_ids_.empty()) SetTime(resume_time_, message->mutable_resume_time());
    return true;
  }
  if (ended()) return false;
  if (TooManyPending()) {
    return MakeError(
        absl::StatusCode::kResourceExhausted, "WATCH_TOO_SLOW",
        absl::StrCat("over ", kMaxPending, " changed jobs wait for this reader; watch again"));
  }
  return false;
}

std::optional<v1::Job> JobWatch::Next() {
  MutexLock lock(&pending_mutex_);
  if (order_.empty() || pending_.size() > kMaxPending) return std::nullopt;
  const auto it = pending_.find(order_.front());
  v1::Job job = std::move(it->second);
  pending_.erase(it);
  order_.pop_front();
  if (IsEnded(job.state())) {
    const absl::Time end = ToTime(job.end_time());
    pending_ends_.erase({end, job.id()});
    // An earlier end may wait behind this one.
    const absl::Time covered = pending_ends_.empty() ? end : pending_ends_.begin()->first;
    resume_time_ = std::max(resume_time_, covered);
  }
  return job;
}

}  // namespace cronium::controller
