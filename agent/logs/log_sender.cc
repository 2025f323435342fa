// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/log_sender.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "common/log.h"
#include "common/protocol_rules.h"

namespace cronium::agent {
namespace {

// Keeps sums within int64; far above any window that makes sense.
constexpr uint64_t kMaxWindow = uint64_t{1} << 40;
constexpr size_t kLargestRecordBytes = kMaxLogEntryBytes + kChunkOverheadBytes;

}  // namespace

LogSender::LogSender(const LogSenderOptions& options, LogSource* source, std::function<void()> wake)
    : options_(options), source_(source), wake_(std::move(wake)) {}

// --- What others say
// -------------------------------------------------------------------------------------------------------

void LogSender::OnData(const std::string& execution_id) {
  {
    MutexLock lock(&news_mutex_);
    if (in_news_.insert(execution_id).second) news_.push_back(execution_id);
  }
  WakeIf(/*for_data=*/true);
}

void LogSender::Forget(const std::string& execution_id) {
  MutexLock lock(&mutex_);
  executions_.erase(execution_id);
  MutexLock news_lock(&news_mutex_);
  if (in_news_.erase(execution_id) == 0) return;
  news_.erase(std::find(news_.begin(), news_.end(), execution_id));
}

void LogSender::OnStreamOpen(uint64_t session_epoch) {
  {
    MutexLock lock(&mutex_);
    open_ = true;
    hello_sent_ = false;
    session_epoch_ = session_epoch;
    window_.reset();
    window_full_ = false;
    stats_.in_flight_bytes = 0;
    stats_.window_bytes = 0;
    queue_.clear();
    unacknowledged_.clear();
    small_batches_ = 0;
    for (auto execution = executions_.begin(); execution != executions_.end();) {
      execution->second = Execution();
      if (StartOver(execution->first, &execution->second)) {
        Enqueue(execution->first, &execution->second);
        ++execution;
      } else {
        execution = executions_.erase(execution);
      }
    }
  }
  WakeIf(/*for_data=*/false);
}

void LogSender::OnStreamClosed() {
  MutexLock lock(&mutex_);
  open_ = false;
}

void LogSender::OnResponse(const v1::UploadLogsResponse& response) {
  {
    MutexLock lock(&mutex_);
    if (!open_) return;
    if (response.has_window_bytes()) {
      window_ = static_cast<int64_t>(std::min<uint64_t>(response.window_bytes(), kMaxWindow));
      stats_.window_bytes = *window_;
    }
    for (const v1::LogAck& ack : response.acks()) OnAck(ack);
    EnqueueFailed();
    if (!window_.has_value() || queue_.empty()) return;
  }
  WakeIf(/*for_data=*/false);
}

void LogSender::OnAck(const v1::LogAck& ack) {
  const auto credit = static_cast<int64_t>(ack.bytes());
  stats_.in_flight_bytes = std::max<int64_t>(0, stats_.in_flight_bytes - credit);
  Credit(credit);
  if (ack.unknown()) {
    LogWarning("the controller does not want this log", {{"execution", ack.execution_id()}});
    ++stats_.unknown;
    executions_.erase(ack.execution_id());
    source_->Discard(ack.execution_id());
    return;
  }
  source_->Acknowledge(ack.execution_id(), ack.durable_seq());
  const auto found = executions_.find(ack.execution_id());
  if (found == executions_.end()) return;
  Execution& execution = found->second;
  execution.in_flight = std::max<int64_t>(0, execution.in_flight - credit);
  // The controller may have more than this stream sent: what an earlier one did.
  execution.sent_seq = std::max<uint64_t>(execution.sent_seq, ack.durable_seq());
  if (execution.refused > 0) {
    execution.refused = std::max<int64_t>(0, execution.refused - credit);
  } else if (ack.rewind()) {
    ++stats_.rewinds;
    execution.sent_seq = ack.durable_seq();
    execution.refused = execution.in_flight;
    Enqueue(ack.execution_id(), &execution);
  }
}

// --- What goes out
// ---------------------------------------------------------------------------------------------------------

std::optional<v1::UploadLogsRequest> LogSender::NextBatch(int64_t now_ns) {
  MutexLock lock(&mutex_);
  gathering_ = false;
  for (;;) {
    TakeNews();
    WaitsFor what = WaitsFor::kResponse;
    if (open_ && !hello_sent_) {
      hello_sent_ = true;
      v1::UploadLogsRequest request;
      request.mutable_hello()->set_session_epoch(session_epoch_);
      return request;
    }
    if (open_ && window_.has_value() && queue_.empty()) {
      what = WaitsFor::kData;
    } else if (open_ && window_.has_value() && MustGather(now_ns)) {
      gathering_ = true;
    } else if (open_ && window_.has_value()) {
      v1::UploadLogsRequest request;
      const size_t bytes = FillBatch(request.mutable_batch());
      if (request.batch().logs_size() > 0) {
        Sent(request.batch(), bytes < options_.small_batch_bytes, now_ns);
        return request;
      }
      if (!window_full_) continue;  // Nothing was left of these, or one has to start over.
    }
    if (Sleep(what)) return std::nullopt;
  }
}

void LogSender::TakeNews() {
  std::vector<std::string> news;
  {
    MutexLock lock(&news_mutex_);
    news.swap(news_);
    in_news_.clear();
    waits_for_ = WaitsFor::kNothing;
  }
  if (news.empty()) return;
  for (const std::string& id : news) {
    const auto [found, is_new] = executions_.try_emplace(id);
    if (is_new && !StartOver(id, &found->second)) {
      executions_.erase(found);
    } else {
      Enqueue(id, &found->second);
    }
  }
  EnqueueFailed();
}

void LogSender::Enqueue(const std::string& execution_id, Execution* execution) {
  if (std::exchange(execution->queued, true)) return;
  queue_.push_back(execution_id);
}

void LogSender::EnqueueFailed() {
  for (auto& [id, execution] : executions_) {
    if (std::exchange(execution.failed, false)) Enqueue(id, &execution);
  }
}

bool LogSender::StartOver(const std::string& execution_id, Execution* execution) {
  const absl::StatusOr<LogState> state = source_->State(execution_id);
  if (!state.ok()) return false;
  RuleApplied(27);  // docs/protocol.md P27
  execution->sent_seq = state->acknowledged_seq;
  return true;
}

// Turn by turn, until it is full or nothing is left: each turn either adds something or takes an
// execution out of the queue.
size_t LogSender::FillBatch(v1::LogBatch* batch) {
  size_t used = 0;
  window_full_ = false;
  // For as long as a record has room: one that is cut to fit is read twice.
  const size_t record = std::min(kLargestRecordBytes, options_.max_batch_bytes / 8);
  while (!queue_.empty() && used + record <= options_.max_batch_bytes) {
    const std::string id = std::move(queue_.front());
    queue_.pop_front();
    const auto found = executions_.find(id);
    if (found == executions_.end()) continue;
    Execution& execution = found->second;
    execution.queued = false;
    if (*window_ == 0 || (stats_.in_flight_bytes > 0 && stats_.in_flight_bytes >= *window_)) {
      RuleApplied(28);  // docs/protocol.md P28
      window_full_ = true;
      execution.queued = true;
      queue_.push_front(id);
      break;
    }
    const size_t share =
        std::min(options_.max_execution_batch_bytes, options_.max_batch_bytes - used);
    if (!AddChunks(id, &execution, share, batch, &used)) break;
  }
  return used;
}

void LogSender::Sent(const v1::LogBatch& batch, bool small, int64_t now_ns) {
  int64_t bytes = 0;
  for (const v1::ExecutionLogChunks& log : batch.logs()) {
    for (const v1::LogChunk& chunk : log.chunks()) {
      bytes += static_cast<int64_t>(chunk.data().size());
    }
  }
  unacknowledged_.push_back({.bytes = bytes, .small = small});
  if (!small) return;
  ++small_batches_;
  gather_until_ns_ = now_ns + absl::ToInt64Nanoseconds(options_.max_gather);
}

void LogSender::Credit(int64_t bytes) {
  while (!unacknowledged_.empty()) {
    Unacknowledged& oldest = unacknowledged_.front();
    // Where nothing is in flight, nothing is unacknowledged.
    if (bytes < oldest.bytes && stats_.in_flight_bytes > 0) {
      oldest.bytes -= bytes;
      return;
    }
    bytes = std::max<int64_t>(0, bytes - oldest.bytes);
    small_batches_ -= oldest.small ? 1 : 0;
    unacknowledged_.pop_front();
    if (bytes == 0 && stats_.in_flight_bytes > 0) return;
  }
}

int64_t LogSender::NextTryNs() const {
  MutexLock lock(&mutex_);
  return gathering_ ? gather_until_ns_ : std::numeric_limits<int64_t>::max();
}

// False where the batch is to end here.
bool LogSender::AddChunks(const std::string& id, Execution* execution, size_t max_bytes,
                          v1::LogBatch* batch, size_t* used) {
  const int64_t credit = std::max<int64_t>(0, *window_ - stats_.in_flight_bytes);
  const auto limit = std::min<size_t>(max_bytes, static_cast<size_t>(credit) + kChunkOverheadBytes);
  absl::StatusOr<std::vector<v1::LogChunk>> chunks = source_->Read(id, execution->sent_seq, limit);
  if (absl::IsOutOfRange(chunks.status())) {
    // Acknowledged beyond what we sent: by an earlier stream.
    if (StartOver(id, execution)) Enqueue(id, execution);
    return true;
  }
  if (absl::IsNotFound(chunks.status())) {
    executions_.erase(id);
    return true;
  }
  if (!chunks.ok()) {
    LogError("cannot read spooled output", {{"execution", id}, {"error", chunks.status()}});
    ++stats_.read_errors;
    execution->failed = true;
    return true;
  }
  if (chunks->empty()) return true;

  int64_t bytes = 0;
  for (const v1::LogChunk& chunk : *chunks) bytes += static_cast<int64_t>(chunk.data().size());
  if (bytes > credit && stats_.in_flight_bytes > 0) {
    // A single entry that is larger than the credit left. It keeps its turn.
    RuleApplied(28);
    window_full_ = true;
    execution->queued = true;
    queue_.push_front(id);
    return false;
  }
  v1::ExecutionLogChunks* log = nullptr;
  if (batch->logs_size() > 0 && batch->logs().rbegin()->execution_id() == id) {
    log = batch->mutable_logs(batch->logs_size() - 1);
  } else {
    log = batch->add_logs();
    log->set_execution_id(id);
  }
  for (v1::LogChunk& chunk : *chunks) {
    execution->sent_seq = chunk.first_seq() + chunk.entry_count() - 1;
    stats_.sent_entries += chunk.entry_count();
    *used += chunk.data().size() + kChunkOverheadBytes;
    *log->add_chunks() = std::move(chunk);
  }
  execution->in_flight += bytes;
  stats_.in_flight_bytes += bytes;
  stats_.sent_bytes += bytes;
  Enqueue(id, execution);
  return true;
}

// --- Waking
// ----------------------------------------------------------------------------------------------------------------

bool LogSender::Sleep(WaitsFor what) {
  MutexLock lock(&news_mutex_);
  if (!news_.empty() && what == WaitsFor::kData) return false;
  waits_for_ = what;
  return true;
}

void LogSender::WakeIf(bool for_data) {
  {
    MutexLock lock(&news_mutex_);
    if (waits_for_ == WaitsFor::kNothing) return;
    if (for_data && waits_for_ != WaitsFor::kData) return;
    waits_for_ = WaitsFor::kNothing;
  }
  wake_();
}

LogSender::Stats LogSender::GetStats() const {
  MutexLock lock(&mutex_);
  return stats_;
}

}  // namespace cronium::agent
