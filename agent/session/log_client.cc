// SPDX-License-Identifier: Apache-2.0
#include "agent/session/log_client.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/log.h"
#include "common/rpc/status.h"

namespace cronium::agent {
namespace {

// Tasks: one read, one write and one end of the stream, one wake, one epoch per session.
constexpr size_t kMailboxCapacity = 64;
// LogSender gives a message when the one before is written.
constexpr size_t kMaxQueuedMessages = 1;

int64_t Ns(absl::Duration duration) { return absl::ToInt64Nanoseconds(duration); }

}  // namespace

LogClient::LogClient(LogClientOptions options, const Clock* clock, ChannelFactory channels,
                     LogSender* sender)
    : options_(std::move(options)),
      clock_(clock),
      channels_(std::move(channels)),
      sender_(sender),
      mailbox_(kMailboxCapacity),
      backoff_(options_.min_backoff, options_.max_backoff),
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
    for (const std::function<void()>& task : mailbox_.Receive(TimeToNextWake())) task();
    const bool wanted = epoch_ != 0 && !epoch_refused_ && !stopping_;
    if (wanted && stream_ == nullptr && Now() >= connect_at_ns_) Connect();
  }
}

std::optional<std::chrono::nanoseconds> LogClient::TimeToNextWake() const {
  if (stream_ != nullptr || epoch_ == 0 || epoch_refused_) return std::nullopt;
  return std::chrono::nanoseconds(std::max<int64_t>(0, connect_at_ns_ - Now()));
}

void LogClient::Connect() {
  stream_epoch_ = epoch_;
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = channels_();
  if (!channel.ok()) {
    OnClosed(channel.status());
    return;
  }
  const uint64_t generation = ++generation_;
  writing_ = false;
  // The one before goes only when this one is in use, so that gRPC is not torn down in between.
  const std::shared_ptr<grpc::Channel> previous = std::exchange(channel_, *channel);
  stub_ = v1::AgentService::NewStub(channel_);
  stream_ = Stream::Start(
      [this](grpc::ClientContext* context, Stream::Reactor* reactor) {
        if (!options_.dev_node.empty()) context->AddMetadata("cronium-dev-node", options_.dev_node);
        stub_->async()->UploadLogs(context, reactor);
      },
      kMaxQueuedMessages,
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
           [this, generation](const grpc::Status& status, std::shared_ptr<Stream> stream) {
             PostFor(generation, [this, status, stream = std::move(stream)] {
               OnClosed(FromGrpcStatus(status));
             });
           }});
  sender_->OnStreamOpen(stream_epoch_);
  Pump();
}

void LogClient::Pump() {
  if (stream_ == nullptr || writing_ || stopping_) return;
  std::optional<v1::UploadLogsRequest> request = sender_->NextBatch();
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
  connect_at_ns_ = Now() + Ns(backoff_.Next());
}

}  // namespace cronium::agent
