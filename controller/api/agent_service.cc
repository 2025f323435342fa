// SPDX-License-Identifier: Apache-2.0
#include "controller/api/agent_service.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error.h"
#include "common/log.h"
#include "common/rpc/pull_stream.h"
#include "controller/api/log_intake.h"
#include "controller/api/session_hub.h"
#include "controller/api/session_intake.h"

namespace cronium::controller {
namespace {

// Messages that wait for one agent. An agent that reads this slowly is cut off; it gets everything
// again with its next Welcome.
constexpr size_t kMaxQueuedMessages = 10'000;

// "ipv4:10.0.0.7:41234" -> "10.0.0.7".
std::string AddressOf(absl::string_view peer) {
  absl::ConsumePrefix(&peer, "ipv4:");
  absl::ConsumePrefix(&peer, "ipv6:");
  return std::string(peer.substr(0, peer.rfind(':')));
}

using SessionReactor = grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse>;

// One agent's session: requests go to the core, the core's messages come back through the hub.
class SessionStream final : public PullStream<SessionReactor, v1::SessionResponse>,
                            public SessionPeer {
 public:
  SessionStream(const Services& services, const std::string& node, const std::string& address)
      : PullStream(services.executor),
        node_(node),
        address_(address),
        intake_(
            services.hub, this,
            [&services](InputMessage message) { services.core->Post(std::move(message)); }, node,
            address) {
    StartRead(&request_);
  }

  void Send(v1::SessionResponse message) override {
    {
      MutexLock lock(&queue_mutex_);
      if (queue_.size() >= kMaxQueuedMessages) {
        end_ =
            MakeError(absl::StatusCode::kResourceExhausted, "SESSION_TOO_SLOW",
                      absl::StrCat("over ", kMaxQueuedMessages, " messages wait for this agent"));
        queue_.clear();
      } else {
        queue_.push_back(std::move(message));
      }
    }
    Wake();
  }

  void End(const absl::Status& reason) override {
    {
      MutexLock lock(&queue_mutex_);
      if (!end_.has_value()) end_ = reason;
    }
    Wake();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      End(absl::OkStatus());
      return;
    }
    if (absl::Status status = intake_.Take(std::move(request_)); !status.ok()) {
      LogWarning("a session was refused",
                 {{"node", node_}, {"address", address_}, {"reason", status}});
      End(status);
      return;
    }
    request_.Clear();
    StartRead(&request_);
  }

  PullResult Pull(v1::SessionResponse* message) override {
    MutexLock lock(&queue_mutex_);
    if (!queue_.empty()) {
      *message = std::move(queue_.front());
      queue_.pop_front();
      return queue_.empty() && !end_.has_value() ? PullResult::LastMessage()
                                                 : PullResult::Message();
    }
    return end_.has_value() ? PullResult::Finish(ToGrpcStatus(*end_)) : PullResult::Wait();
  }

  void OnStopped() override { intake_.Close(); }

  const std::string node_;
  const std::string address_;
  SessionIntake intake_;
  v1::SessionRequest request_;

  Mutex queue_mutex_;
  std::deque<v1::SessionResponse> queue_ ABSL_GUARDED_BY(queue_mutex_);
  // How the stream ends once the queue is empty.
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(queue_mutex_);
};

using UploadReactor = grpc::ServerBidiReactor<v1::UploadLogsRequest, v1::UploadLogsResponse>;

// One agent's log upload.
class UploadStream final : public PullStream<UploadReactor, v1::UploadLogsResponse> {
 public:
  UploadStream(const Services& services, const std::string& node)
      : PullStream(services.executor),
        intake_(std::make_shared<LogIntake>(
            LogIntake::Services{
                .hub = services.hub,
                .live = services.live,
                .append =
                    [logs = services.logs](LogKey key, int64_t limit_bytes,
                                           std::vector<v1::LogChunk> chunks,
                                           LogStore::AppendCallback done) {
                      return logs->Append(std::move(key), limit_bytes, std::move(chunks),
                                          std::move(done));
                    },
                .durable = [core = services.core](
                               LogDurable durable) { core->PostUrgent(std::move(durable)); }},
            LogIntake::Stream{.wake = [this] { Wake(); },
                              .hold = [this] { return AddHold(); },
                              .read_on =
                                  [this] {
                                    StartRead(&request_);
                                    RemoveHold();
                                  }},
            node)) {
    StartRead(&request_);
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      intake_->OnEnd();
      return;
    }
    if (intake_->Take(std::move(request_))) StartRead(&request_);
  }

  // A read that waits for the store, which may wait for a full disk, must not keep the stream.
  void OnCancel() override {
    const bool held = intake_->StopReading();
    PullStream::OnCancel();
    if (held) RemoveHold();
  }

  PullResult Pull(v1::UploadLogsResponse* message) override {
    std::optional<absl::Status> end;
    std::optional<v1::UploadLogsResponse> next = intake_->Next(&end);
    if (next.has_value()) {
      message->Swap(&*next);
      return end.has_value() ? PullResult::Message() : PullResult::LastMessage();
    }
    return end.has_value() ? PullResult::Finish(ToGrpcStatus(*end)) : PullResult::Wait();
  }

  void OnStopped() override { intake_->Close(); }

  const std::shared_ptr<LogIntake> intake_;
  v1::UploadLogsRequest request_;
};

}  // namespace

SessionReactor* AgentServiceImpl::Session(grpc::CallbackServerContext* context) {
  absl::StatusOr<Caller> caller =
      Authenticate(services_, "/cronium.v1.AgentService/Session", context);
  if (!caller.ok()) {
    LogWarning("an agent was refused", {{"address", context->peer()}, {"reason", caller.status()}});
    return new RefusedStream<SessionReactor>(caller.status());
  }
  return new SessionStream(services_, caller->node, AddressOf(context->peer()));
}

UploadReactor* AgentServiceImpl::UploadLogs(grpc::CallbackServerContext* context) {
  absl::StatusOr<Caller> caller =
      Authenticate(services_, "/cronium.v1.AgentService/UploadLogs", context);
  if (!caller.ok()) return new RefusedStream<UploadReactor>(caller.status());
  return new UploadStream(services_, caller->node);
}

}  // namespace cronium::controller
