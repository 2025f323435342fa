// SPDX-License-Identifier: Apache-2.0
#include "agent/session/log_client.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "common/log.h"

namespace cronium::agent {
namespace {

// Tasks: one read, one write and one end of the stream, one wake, one epoch per session.
constexpr size_t kLogMailboxCapacity = 64;
// LogSender gives a message when the one before is written.
constexpr size_t kMaxQueuedBatches = 1;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

}  // namespace

LogClient::LogClient(LogClientOptions options, const Clock* clock, LogConnector connect,
                     LogSender* sender)
    : options_(std::move(options)),
      clock_(clock),
      connect_(std::move(connect)),
      sender_(sender),
      mailbox_(kLogMailboxCapacity),
      backoff_(options_.min_backoff, options_.max_backoff, options_.jitter),
      failures_("logs", options_.controller) {}

LogClient::~LogClient() { Shutdown(); }

void LogClient::Start() {
  thread_ = std::thread([this] { Run(); });
}

void LogClient::Shutdown() {
  if (!thread_.joinable()) return;
  mailbox_.SendUrgent([this] {
    stopping_ = true;
    if (stream_ != nullptr) stream_->Cancel();
  });
  thread_.join();
  mailbox_.Close();
}

void LogClient::SetEpoch(uint64_t epoch) {
  mailbox_.SendUrgent([this, epoch] {
    epoch_ = epoch;
    epoch_refused_ = false;
    connect_at_ns_ = Now();
    // OnClosed opens it anew.
    if (stream_ != nullptr && stream_epoch_ != epoch) stream_->Cancel();
  });
}

void LogClient::Wake() {
  mailbox_.SendUrgent([this] { Pump(); });
}

template <typename Task>
void LogClient::PostFor(uint64_t generation, Task task) {
  mailbox_.SendUrgent([this, generation, task = std::move(task)]() mutable {
    if (generation == generation_ && stream_ != nullptr) task();
  });
}

void LogClient::Run() {
  while (!stopping_ || stream_ != nullptr) {
    std::optional<std::chrono::nanoseconds> left;
    if (const int64_t wake = NextWakeNs(); wake != kNever) {
      left = std::chrono::nanoseconds(std::max<int64_t>(0, wake - Now()));
    }
    for (const std::function<void()>& task : mailbox_.Receive(left)) task();
    if (connect_due()) Connect();
    if (gathered()) Pump();
  }
}

bool LogClient::Turn() {
  const std::vector<std::function<void()>> tasks = mailbox_.Receive(std::chrono::nanoseconds(0));
  for (const std::function<void()>& task : tasks) task();
  const bool due = connect_due();
  if (due) Connect();
  const bool pump = gathered();
  if (pump) Pump();
  return due || pump || !tasks.empty();
}

bool LogClient::connect_due() const {
  return stream_ == nullptr && epoch_ != 0 && !epoch_refused_ && !stopping_ &&
         Now() >= connect_at_ns_;
}

bool LogClient::gathered() const {
  return stream_ != nullptr && !writing_ && !stopping_ && Now() >= sender_->NextTryNs();
}

int64_t LogClient::NextWakeNs() const {
  if (stream_ != nullptr) return writing_ || stopping_ ? kNever : sender_->NextTryNs();
  return epoch_ == 0 || epoch_refused_ ? kNever : connect_at_ns_;
}

void LogClient::Connect() {
  stream_epoch_ = epoch_;
  const uint64_t generation = ++generation_;
  writing_ = false;
  absl::StatusOr<std::shared_ptr<Stream>> stream = connect_(
      kMaxQueuedBatches,
      {.on_response =
           [this, generation](v1::UploadLogsResponse response) {
             PostFor(generation, [this, response = std::move(response)] {
               backoff_.Reset();
               failures_.Worked();
               sender_->OnResponse(response);
               stream_->ReadNext();
               Pump();
             });
           },
       .on_writable =
           [this, generation] {
             PostFor(generation, [this] {
               writing_ = false;
               Pump();
             });
           },
       .on_closed =
           [this, generation](const absl::Status& status, std::shared_ptr<Stream> ended) {
             PostFor(generation, [this, status, ended = std::move(ended)] { OnClosed(status); });
           }});
  if (!stream.ok()) {
    OnClosed(stream.status());
    return;
  }
  stream_ = *std::move(stream);
  sender_->OnStreamOpen(stream_epoch_);
  Pump();
}

void LogClient::Pump() {
  if (stream_ == nullptr || writing_ || stopping_) return;
  std::optional<v1::UploadLogsRequest> request = sender_->NextBatch(Now());
  if (!request.has_value()) return;
  writing_ = true;
  // Where it is closing already, OnClosed follows, and what was not acknowledged is sent again.
  stream_->Write(*std::move(request));
}

void LogClient::OnClosed(const absl::Status& status) {
  if (stream_ != nullptr) sender_->OnStreamClosed();
  stream_.reset();
  if (stopping_) return;
  if (stream_epoch_ != epoch_) return;  // For the newer one: at once.
  if (absl::IsAborted(status)) {
    // The session that comes will have another epoch.
    epoch_refused_ = true;
  }
  failures_.Failed(status.ok() ? absl::UnavailableError("the controller ended the stream") : status,
                   Now());
  connect_at_ns_ = Now() + absl::ToInt64Nanoseconds(backoff_.Next());
}

}  // namespace cronium::agent
