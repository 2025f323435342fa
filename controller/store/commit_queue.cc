// SPDX-License-Identifier: Apache-2.0
#include "controller/store/commit_queue.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/thread_name.h"

namespace cronium::controller {
namespace {

using std::chrono::steady_clock;

// What a change holds of memory, near enough for a bound: the fields that can be large, and a
// constant for the rest.
struct CostOf {
  static constexpr size_t kBase = 512;
  size_t operator()(const InsertJob& c) const {
    const auto& spec = c.job.spec();
    size_t bytes = kBase + spec.input_json().size() + spec.container().script().content().size();
    for (const auto& [name, value] : spec.container().env()) bytes += name.size() + value.size();
    const auto& http = spec.http();
    bytes += http.url().size() + http.body_text().size() + http.body_data().size();
    for (const auto& header : http.headers()) bytes += header.name().size() + header.value().size();
    return bytes;
  }
  size_t operator()(const UpdateJob&) const { return kBase; }
  size_t operator()(const PutExecution&) const { return kBase; }
  size_t operator()(const PutOutput& c) const { return kBase + c.output_json.size(); }
  size_t operator()(const PutCondition&) const { return kBase; }
  size_t operator()(const DeleteEndedJob&) const { return kBase; }
  size_t operator()(const ReclaimSpace&) const { return kBase; }
  size_t operator()(const PutNode&) const { return kBase; }
  size_t operator()(const SetVariable& c) const { return kBase + c.variable.value_json().size(); }
  size_t operator()(const DeleteVariable&) const { return kBase; }
  size_t operator()(const IncrementVariable&) const { return kBase; }
  size_t operator()(const AppendVariable& c) const {
    return kBase + c.text_json.size() + c.separator_json.size();
  }
  size_t operator()(const BeginEffect&) const { return kBase; }
  size_t operator()(const FinishEffect& c) const { return kBase + c.result.size(); }
  size_t operator()(const CancelEffect&) const { return kBase; }
  size_t operator()(const SweepIdempotencyRecords&) const { return kBase; }
  size_t operator()(const InsertCredential& c) const { return kBase + c.sealed.size(); }
  size_t operator()(const UpdateCredential& c) const { return kBase + c.sealed.size(); }
  size_t operator()(const DeleteCredential&) const { return kBase; }
  size_t operator()(const TouchCredential&) const { return kBase; }
  size_t operator()(const AppendAudit&) const { return kBase; }
  size_t operator()(const PutApiToken&) const { return kBase; }
};

absl::Status ShutDownError(const absl::Status& why) {
  return MakeError(
      absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
      why.ok() ? "the controller stops; this was not written"
               : absl::StrCat("the controller stops; this was not written: ", why.message()));
}

}  // namespace

CommitQueue::CommitQueue(Store* store, CommitQueueOptions options)
    : store_(store), options_(options), thread_([this] { Run(); }) {}

CommitQueue::~CommitQueue() { Shutdown(absl::ZeroDuration()); }

void CommitQueue::Submit(std::vector<Change> changes, Done done) {
  Item item{.changes = std::move(changes), .done = std::move(done)};
  for (const Change& change : item.changes) item.bytes += std::visit(CostOf(), change);
  {
    MutexLock lock(&mutex_);
    while (!deadline_.has_value() && !items_.empty() &&
           (queued_changes_ + item.changes.size() > options_.max_queued_changes ||
            queued_bytes_ + item.bytes > options_.max_queued_bytes)) {
      not_full_.Wait(&mutex_);
    }
    if (!deadline_.has_value()) {
      queued_changes_ += item.changes.size();
      queued_bytes_ += item.bytes;
      items_.push_back(std::move(item));
      wake_.NotifyOne();
      return;
    }
  }
  item.done(ShutDownError(absl::OkStatus()));
}

absl::Status CommitQueue::Health() const {
  MutexLock lock(&mutex_);
  return health_;
}

CommitCounters CommitQueue::counters() const {
  MutexLock lock(&mutex_);
  return counters_;
}

void CommitQueue::Shutdown(absl::Duration timeout) {
  {
    MutexLock lock(&mutex_);
    const auto deadline =
        steady_clock::now() + absl::ToChronoNanoseconds(std::min(timeout, absl::Hours(24)));
    deadline_ = deadline_.has_value() ? std::min(*deadline_, deadline) : deadline;
    wake_.NotifyAll();
    not_full_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

std::optional<CommitQueue::Group> CommitQueue::NextGroup() {
  MutexLock lock(&mutex_);
  while (items_.empty() && !deadline_.has_value()) wake_.Wait(&mutex_);
  if (items_.empty()) return std::nullopt;
  Group group;
  size_t bytes = 0;
  do {
    Item& item = items_.front();
    group.changes.insert(group.changes.end(), std::make_move_iterator(item.changes.begin()),
                         std::make_move_iterator(item.changes.end()));
    group.parts.emplace_back(item.changes.size(), std::move(item.done));
    bytes += item.bytes;
    queued_changes_ -= item.changes.size();
    queued_bytes_ -= item.bytes;
    items_.pop_front();
  } while (!items_.empty() &&
           group.changes.size() + items_.front().changes.size() <= options_.max_group_changes &&
           bytes + items_.front().bytes <= options_.max_group_bytes);
  not_full_.NotifyAll();
  return group;
}

absl::StatusOr<std::vector<ChangeResult>> CommitQueue::CommitWithRetry(const Group& group) {
  if (group.changes.empty()) return std::vector<ChangeResult>();
  for (absl::Duration backoff = options_.min_backoff;;
       backoff = std::min(2 * backoff, options_.max_backoff)) {
    if (TimeIsUp()) return ShutDownError(Health());
    auto results = FaultOn("controller.store.commit")
                       ? absl::UnavailableError("controller.store.commit is on")
                       : store_->Commit(group.changes);
    FaultOn("controller.store.committed");
    if (results.ok()) {
      MutexLock lock(&mutex_);
      if (!health_.ok()) LogInfo("store writes again", {{"changes", group.changes.size()}});
      health_ = absl::OkStatus();
      ++counters_.groups;
      counters_.changes += group.changes.size();
      counters_.largest_group = std::max<uint64_t>(counters_.largest_group, group.changes.size());
      return results;
    }
    LogError("store cannot commit; nothing is acknowledged until it can",
             {{"changes", group.changes.size()},
              {"error", results.status()},
              {"retry_after", absl::FormatDuration(backoff)}});
    WaitToRetry(results.status(), backoff);
  }
}

bool CommitQueue::TimeIsUp() const {
  MutexLock lock(&mutex_);
  return deadline_.has_value() && steady_clock::now() >= *deadline_;
}

void CommitQueue::WaitToRetry(const absl::Status& why, absl::Duration backoff) {
  const auto until = steady_clock::now() + absl::ToChronoNanoseconds(backoff);
  MutexLock lock(&mutex_);
  health_ = why;
  ++counters_.failures;
  while (true) {
    const auto end = deadline_.has_value() ? std::min(until, *deadline_) : until;
    const auto now = steady_clock::now();
    if (now >= end) return;
    wake_.WaitFor(&mutex_, end - now);
  }
}

void CommitQueue::Run() {
  SetThreadName("commit");
  while (std::optional<Group> group = NextGroup()) {
    auto results = CommitWithRetry(*group);
    auto next = results.ok() ? results->begin() : std::vector<ChangeResult>::iterator();
    for (auto& [count, done] : group->parts) {
      if (!results.ok()) {
        done(results.status());
        continue;
      }
      done(std::vector<ChangeResult>(std::make_move_iterator(next),
                                     std::make_move_iterator(next + count)));
      next += count;
    }
  }
}

}  // namespace cronium::controller
