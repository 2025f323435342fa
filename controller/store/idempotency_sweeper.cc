// SPDX-License-Identifier: Apache-2.0
#include "controller/store/idempotency_sweeper.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/thread_name.h"

namespace cronium::controller {

IdempotencySweeper::IdempotencySweeper(const Clock* clock, CommitQueue* commits, Options options)
    : clock_(clock), commits_(commits), options_(options), thread_([this] { Run(); }) {}

void IdempotencySweeper::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void IdempotencySweeper::Run() {
  SetThreadName("sweeper");
  while (true) {
    while (SweepBatch()) {
    }
    const auto next = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(options_.period);
    MutexLock lock(&mutex_);
    while (!stopping_) {
      const auto left = next - std::chrono::steady_clock::now();
      if (left <= left.zero()) break;
      changed_.WaitFor(&mutex_, left);
    }
    if (stopping_) return;
  }
}

bool IdempotencySweeper::SweepBatch() {
  {
    MutexLock lock(&mutex_);
    if (stopping_) return false;
    committing_ = true;
  }
  std::vector<Change> changes;
  changes.push_back(SweepIdempotencyRecords{clock_->Now() - kIdempotencyAfterEnd, options_.batch});
  commits_->Submit(std::move(changes), [this](absl::StatusOr<std::vector<ChangeResult>> results) {
    const bool swept = results.ok() && results->front().ok();
    if (results.ok() && !swept) {
      LogError("cannot sweep idempotency records", {{"reason", results->front().status()}});
    }
    MutexLock lock(&mutex_);
    committing_ = false;
    full_batch_ = swept && *results->front() == absl::StrCat(options_.batch);
    changed_.NotifyAll();
  });
  MutexLock lock(&mutex_);
  while (committing_) changed_.Wait(&mutex_);
  return full_batch_ && !stopping_;
}

}  // namespace cronium::controller
