// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/log_store.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/fault.h"
#include "common/file.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/thread_name.h"
#include "controller/logs/admission.h"
#include "controller/logs/log_reader.h"
#include "controller/logs/log_writer.h"
#include "controller/logs/partition_cache.h"
#include "controller/logs/partition_files.h"

namespace cronium::controller {

using logs::Partition;
using logs::Subscriber;
using logs::WriteRequest;
using std::chrono::steady_clock;

namespace {

// What a queued request costs beyond its data.
constexpr int64_t kRequestBytes = 512;
constexpr int64_t kChunkBytes = 128;

class Subscription : public LogSubscription {
 public:
  Subscription(std::shared_ptr<Partition> partition, std::shared_ptr<logs::ExecutionLog> log,
               std::shared_ptr<Subscriber> subscriber)
      : partition_(std::move(partition)),
        log_(std::move(log)),
        subscriber_(std::move(subscriber)) {}
  ~Subscription() override {
    subscriber_->SwitchOff();
    partition_->Unsubscribe(log_.get(), subscriber_.get());
  }

 private:
  // Both are kept in memory while they are held here.
  const std::shared_ptr<Partition> partition_;
  const std::shared_ptr<logs::ExecutionLog> log_;
  const std::shared_ptr<Subscriber> subscriber_;
};

absl::Status ShutDownError(const absl::Status& why) {
  return MakeError(
      absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
      why.ok() ? "the controller stops; the log was not stored"
               : absl::StrCat("the controller stops; the log was not stored: ", why.message()));
}

}  // namespace

class LogStore::Impl {
 public:
  Impl(LogStoreOptions options, UniqueFd lock)
      : options_(std::move(options)),
        lock_(std::move(lock)),
        partitions_(options_.dir, std::max(options_.max_open_partitions, 1),
                    std::max(options_.max_cached_executions, 1), options_.max_recent_bytes),
        thread_([this] { Run(); }) {}
  ~Impl() { Shutdown(absl::ZeroDuration()); }

  bool Append(LogKey key, int64_t limit_bytes, std::vector<v1::LogChunk> chunks,
              AppendCallback done) {
    auto op = std::make_unique<Op>();
    op->done = std::move(done);
    for (const v1::LogChunk& chunk : chunks) op->data_bytes += chunk.data().size();
    op->cost = kRequestBytes + op->data_bytes + kChunkBytes * static_cast<int64_t>(chunks.size());
    // On the caller's thread, of which there are many.
    op->error = logs::CheckKey(key);
    if (op->error.ok()) op->error = logs::CheckChunks(chunks);
    op->request = {
        .execution_id = key.execution_id, .limit_bytes = limit_bytes, .chunks = std::move(chunks)};
    op->key = std::move(key);
    return Enqueue(std::move(op));
  }

  void Finish(LogKey key, bool uncertain) {
    auto op = std::make_unique<Op>();
    op->cost = kRequestBytes;
    op->error = logs::CheckKey(key);
    op->request = {.execution_id = key.execution_id, .finish = true, .uncertain = uncertain};
    op->key = std::move(key);
    Enqueue(std::move(op));
  }

  absl::StatusOr<std::shared_ptr<Partition>> Find(const LogKey& key) {
    if (absl::Status status = logs::CheckKey(key); !status.ok()) return status;
    return partitions_.Get(key);
  }

  absl::StatusOr<std::vector<LogPartition>> ListPartitions() {
    return logs::ListPartitions(options_.dir);
  }

  absl::Status RemovePartition(const LogPartition& partition) {
    const absl::StatusOr<std::string> removed = partitions_.Remove(partition);
    if (!removed.ok()) return removed.status();
    FaultOn("controller.logs.removed");
    return logs::DeleteRemoved(*removed);
  }

  void Pause(absl::Status why) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    resumed_ |= why.ok() && !pause_.ok();
    pause_ = std::move(why);
    wake_.NotifyAll();
  }

  absl::Status Health() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return health_;
  }

  LogStoreCounters counters() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return counters_;
  }

  void Shutdown(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(&mutex_);
      const auto deadline =
          steady_clock::now() + absl::ToChronoNanoseconds(std::min(timeout, absl::Hours(24)));
      deadline_ = deadline_.has_value() ? std::min(*deadline_, deadline) : deadline;
      wake_.NotifyAll();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  // An Append or a Finish on its way.
  struct Op {
    LogKey key;
    WriteRequest request;
    // Why it is not to be written.
    absl::Status error;
    AppendCallback done;
    int64_t data_bytes = 0;
    int64_t cost = 0;
  };
  // What waits for one partition: more than one round's work only while its disk fails.
  struct Backlog {
    std::shared_ptr<Partition> partition;
    std::deque<std::unique_ptr<Op>> ops;
    absl::Duration backoff = absl::ZeroDuration();
    steady_clock::time_point retry_at;
    absl::Status failure;
  };

  bool Enqueue(std::unique_ptr<Op> op) ABSL_LOCKS_EXCLUDED(mutex_);
  void Run();
  // Moves a round's work from the queue to the backlogs; waits for some where nothing is to be
  // done. False once all is done, or given up, after Shutdown.
  bool TakeRound() ABSL_LOCKS_EXCLUDED(mutex_);
  // When a backlog is to be tried next: now where one has not failed.
  std::optional<steady_clock::time_point> NextTry() const;
  void WriteBacklog(Backlog* backlog);
  // Tells whoever waits for the op, and gives its room in the queue back.
  void Complete(std::unique_ptr<Op> op, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveUp() ABSL_LOCKS_EXCLUDED(mutex_);
  void UpdateHealth() ABSL_LOCKS_EXCLUDED(mutex_);

  // As Pause said last.
  absl::Status Paused() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return pause_;
  }

  const LogStoreOptions options_;
  const UniqueFd lock_;
  logs::PartitionCache partitions_;

  // The writer thread's. Ordered, so that what is due is tried in one order.
  logs::LogWriter writer_;
  std::map<const Partition*, Backlog> backlogs_;

  mutable Mutex mutex_;
  // Work came, or shutdown began.
  CondVar wake_;
  std::deque<std::unique_ptr<Op>> queue_ ABSL_GUARDED_BY(mutex_);
  // Of all ops that are not completed, in the queue or in a backlog.
  int64_t pending_cost_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<steady_clock::time_point> deadline_ ABSL_GUARDED_BY(mutex_);
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  absl::Status pause_ ABSL_GUARDED_BY(mutex_);
  // A pause is over: what waits is to be tried at once.
  bool resumed_ ABSL_GUARDED_BY(mutex_) = false;
  LogStoreCounters counters_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

// ---- The queue

bool LogStore::Impl::Enqueue(std::unique_ptr<Op> op) {
  {
    MutexLock lock(&mutex_);
    if (!deadline_.has_value()) {
      pending_cost_ += op->cost;
      queue_.push_back(std::move(op));
      if (queue_.size() == 1) wake_.NotifyOne();
      return pending_cost_ <= options_.max_queue_bytes;
    }
  }
  if (op->done) op->done(ShutDownError(absl::OkStatus()));
  return false;
}

void LogStore::Impl::Run() {
  SetThreadName("log writer");
  while (TakeRound()) {
    const auto now = steady_clock::now();
    for (auto it = backlogs_.begin(); it != backlogs_.end();) {
      if (it->second.retry_at <= now) WriteBacklog(&it->second);
      it = it->second.ops.empty() ? backlogs_.erase(it) : std::next(it);
    }
    UpdateHealth();
  }
  GiveUp();
}

std::optional<steady_clock::time_point> LogStore::Impl::NextTry() const {
  std::optional<steady_clock::time_point> next;
  for (const auto& [partition, backlog] : backlogs_) {
    next = next.has_value() ? std::min(*next, backlog.retry_at) : backlog.retry_at;
  }
  return next;
}

bool LogStore::Impl::TakeRound() {
  std::vector<std::unique_ptr<Op>> round;
  {
    MutexLock lock(&mutex_);
    const auto retry_at = NextTry();
    while (queue_.empty() && !resumed_) {
      const auto now = steady_clock::now();
      if (deadline_.has_value() && (backlogs_.empty() || !pause_.ok() || now >= *deadline_)) {
        return false;
      }
      if (retry_at.has_value() && now >= *retry_at) break;
      if (!retry_at.has_value()) {
        wake_.Wait(&mutex_);
      } else {
        wake_.WaitFor(&mutex_,
                      (deadline_.has_value() ? std::min(*retry_at, *deadline_) : *retry_at) - now);
      }
    }
    if (deadline_.has_value() && (!pause_.ok() || steady_clock::now() >= *deadline_)) return false;
    if (std::exchange(resumed_, false)) {
      for (auto& [partition, backlog] : backlogs_) backlog.retry_at = {};
    }
    for (int64_t bytes = 0; !queue_.empty();) {
      bytes += queue_.front()->data_bytes;
      if (bytes > options_.max_group_bytes && !round.empty()) break;
      round.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
  }
  for (auto& op : round) {
    if (!op->error.ok()) {
      const absl::Status error = op->error;
      Complete(std::move(op), error);
      continue;
    }
    std::shared_ptr<Partition> partition = partitions_.Get(op->key);
    Backlog& backlog = backlogs_[partition.get()];
    backlog.partition = std::move(partition);
    backlog.ops.push_back(std::move(op));
  }
  return true;
}

void LogStore::Impl::WriteBacklog(Backlog* backlog) {
  while (!backlog->ops.empty()) {
    std::vector<WriteRequest*> requests;
    int64_t bytes = 0;
    for (const auto& op : backlog->ops) {
      bytes += op->data_bytes;
      if (bytes > options_.max_group_bytes && !requests.empty()) break;
      requests.push_back(&op->request);
    }
    backlog->failure = Paused();
    if (!backlog->failure.ok()) {
      // Resuming ends this wait.
      backlog->retry_at = steady_clock::now() + absl::ToChronoNanoseconds(options_.max_backoff);
      return;
    }
    backlog->failure = writer_.Write(backlog->partition.get(), requests);
    if (!backlog->failure.ok()) {
      backlog->backoff =
          std::clamp(2 * backlog->backoff, options_.min_backoff, options_.max_backoff);
      backlog->retry_at = steady_clock::now() + absl::ToChronoNanoseconds(backlog->backoff);
      LogError("logs cannot be stored; nothing is acknowledged until they can",
               {{"partition", backlog->partition->dir()},
                {"error", backlog->failure},
                {"retry_after", absl::FormatDuration(backlog->backoff)}});
      MutexLock lock(&mutex_);
      ++counters_.failures;
      return;
    }
    if (backlog->backoff > absl::ZeroDuration()) {
      LogInfo("logs are stored again", {{"partition", backlog->partition->dir()}});
      backlog->backoff = absl::ZeroDuration();
    }
    {
      MutexLock lock(&mutex_);
      ++counters_.groups;
      counters_.bytes = writer_.stats().data_bytes;
      counters_.disk_bytes = writer_.stats().disk_bytes;
      counters_.frames = writer_.stats().frames;
      counters_.syncs = writer_.stats().syncs;
    }
    for (size_t i = 0; i < requests.size(); ++i) {
      std::unique_ptr<Op> op = std::move(backlog->ops.front());
      backlog->ops.pop_front();
      Complete(std::move(op), absl::OkStatus());
    }
  }
}

void LogStore::Impl::Complete(std::unique_ptr<Op> op, const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    pending_cost_ -= op->cost;
    if (op->done) ++counters_.appends;
  }
  if (!op->done) return;
  if (!status.ok()) {
    op->done(status);
    return;
  }
  op->done(AppendResult{.durable_seq = op->request.log->last_seq(),
                        .rewind = op->request.rewind,
                        .bytes = static_cast<uint64_t>(op->data_bytes)});
}

void LogStore::Impl::UpdateHealth() {
  absl::Status health;
  for (const auto& [partition, backlog] : backlogs_) health.Update(backlog.failure);
  MutexLock lock(&mutex_);
  health_ = health;
}

void LogStore::Impl::GiveUp() {
  std::deque<std::unique_ptr<Op>> rest;
  const absl::Status error = ShutDownError(Health());
  for (auto& [partition, backlog] : backlogs_) {
    for (auto& op : backlog.ops) rest.push_back(std::move(op));
  }
  backlogs_.clear();
  {
    MutexLock lock(&mutex_);
    for (auto& op : queue_) rest.push_back(std::move(op));
    queue_.clear();
  }
  for (auto& op : rest) Complete(std::move(op), error);
}

// ---- The interface

LogStore::LogStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

LogStore::~LogStore() = default;

absl::StatusOr<std::unique_ptr<LogStore>> LogStore::Open(LogStoreOptions options) {
  if (absl::Status status = MakeDirectories(options.dir, 0700); !status.ok()) return status;
  absl::StatusOr<UniqueFd> lock = LockFile(absl::StrCat(options.dir, "/lock"));
  if (!lock.ok()) return lock.status();
  return std::unique_ptr<LogStore>(
      new LogStore(std::make_unique<Impl>(std::move(options), *std::move(lock))));
}

bool LogStore::Append(LogKey key, int64_t limit_bytes, std::vector<v1::LogChunk> chunks,
                      AppendCallback done) {
  return impl_->Append(std::move(key), limit_bytes, std::move(chunks), std::move(done));
}

void LogStore::Finish(LogKey key, bool uncertain) { impl_->Finish(std::move(key), uncertain); }

absl::StatusOr<LogState> LogStore::Summary(const LogKey& key) {
  const auto partition = impl_->Find(key);
  if (!partition.ok()) return partition.status();
  auto summary = (*partition)->Summary(key.execution_id);
  if (!summary.ok()) return summary.status();
  const uint64_t durable_seq = summary->last_seq();
  return LogState{.summary = *std::move(summary), .durable_seq = durable_seq};
}

absl::StatusOr<ReadResult> LogStore::Read(const LogKey& key, uint64_t after_seq,
                                          int64_t max_bytes) {
  const auto partition = impl_->Find(key);
  if (!partition.ok()) return partition.status();
  return logs::LogReader(partition->get(), key.execution_id).Read(after_seq, max_bytes);
}

absl::StatusOr<uint64_t> LogStore::ReadTail(const LogKey& key, uint64_t entries) {
  const auto partition = impl_->Find(key);
  if (!partition.ok()) return partition.status();
  const auto summary = (*partition)->Summary(key.execution_id);
  if (!summary.ok()) return summary.status();
  const uint64_t after_seq = summary->last_seq() - std::min(entries, summary->last_seq());
  const auto hole = (*partition)->Hole(key.execution_id);
  if (!hole.ok()) return hole.status();
  // All of the hole, so that its size can be told.
  const bool in_hole =
      hole->has_value() && after_seq >= (*hole)->first_seq() && after_seq < (*hole)->last_seq();
  return in_hole ? (*hole)->first_seq() - 1 : after_seq;
}

absl::StatusOr<uint64_t> LogStore::SeekTime(const LogKey& key, absl::Time time) {
  const auto partition = impl_->Find(key);
  if (!partition.ok()) return partition.status();
  return logs::LogReader(partition->get(), key.execution_id).SeekTime(absl::ToUnixNanos(time));
}

absl::StatusOr<std::unique_ptr<LogSubscription>> LogStore::Subscribe(const LogKey& key,
                                                                     DurableCallback callback) {
  const auto partition = impl_->Find(key);
  if (!partition.ok()) return partition.status();
  auto subscriber = std::make_shared<Subscriber>(std::move(callback));
  auto log = (*partition)->Subscribe(key.execution_id, subscriber);
  if (!log.ok()) return log.status();
  return std::make_unique<Subscription>(*partition, *std::move(log), std::move(subscriber));
}

absl::StatusOr<std::vector<LogPartition>> LogStore::ListPartitions() {
  return impl_->ListPartitions();
}

absl::Status LogStore::RemovePartition(const LogPartition& partition) {
  return impl_->RemovePartition(partition);
}

void LogStore::Pause(absl::Status why) { impl_->Pause(std::move(why)); }

absl::Status LogStore::Health() const { return impl_->Health(); }

LogStoreCounters LogStore::counters() const { return impl_->counters(); }

void LogStore::Shutdown(absl::Duration timeout) { impl_->Shutdown(timeout); }

}  // namespace cronium::controller
