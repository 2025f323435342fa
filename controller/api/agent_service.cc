// SPDX-License-Identifier: Apache-2.0
#include "controller/api/agent_service.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/proto_time.h"
#include "common/rpc/pull_stream.h"
#include "controller/api/session_hub.h"

namespace cronium::controller {
namespace {

constexpr int kProtocolVersion = 1;
// Messages that wait for one agent. An agent that reads this slowly is cut off; it gets everything
// again with its next Welcome.
constexpr size_t kMaxQueuedMessages = 10'000;
// Bytes of log data that one agent may have under way.
constexpr uint64_t kLogWindowBytes = 8 << 20;

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
  SessionStream(const Services& services, std::string node, std::string address)
      : PullStream(services.executor),
        services_(services),
        node_(std::move(node)),
        address_(std::move(address)) {
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
    if (absl::Status status = HandleRequest(); !status.ok()) {
      LogWarning("a session was refused",
                 {{"node", node_}, {"address", address_}, {"reason", status}});
      End(status);
      return;
    }
    StartRead(&request_);
  }

  absl::Status HandleRequest() {
    if (request_.has_hello()) return HandleHello();
    if (connection_ == 0) {
      return MakeError(absl::StatusCode::kInvalidArgument, "HELLO_REQUIRED",
                       "the first message of a session must be a Hello");
    }
    if (request_.has_heartbeat()) {
      services_.core->Post(
          NodeHeartbeat{node_, connection_, std::move(*request_.mutable_heartbeat())});
    } else if (request_.has_reports()) {
      services_.core->Post(NodeReports{node_, connection_, std::move(*request_.mutable_reports())});
    }
    return absl::OkStatus();
  }

  absl::Status HandleHello() {
    if (connection_ != 0) {
      return MakeError(absl::StatusCode::kInvalidArgument, "HELLO_REPEATED",
                       "a session has one Hello");
    }
    const int version = request_.hello().protocol_version();
    if (version != kProtocolVersion) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "PROTOCOL_VERSION",
                       absl::StrCat("the agent speaks protocol ", version, ", this controller ",
                                    kProtocolVersion, "; install matching versions"));
    }
    const v1::NodeCapacity& capacity = request_.hello().capacity();
    if (capacity.slots() < 1 || capacity.cpu_millis() < 1 || capacity.memory_bytes() < 1) {
      Violations violations;
      violations.Add("hello.capacity", "slots, cpu_millis and memory_bytes must be positive");
      return violations.ToStatus();
    }
    connection_ = services_.hub->Register(node_, this);
    LogInfo("session opened",
            {{"node", node_}, {"address", address_}, {"connection", connection_}});
    services_.core->Post(
        OpenSession{node_, connection_, address_, std::move(*request_.mutable_hello())});
    return absl::OkStatus();
  }

  PullResult Pull(v1::SessionResponse* message) override {
    MutexLock lock(&queue_mutex_);
    if (!queue_.empty()) {
      *message = std::move(queue_.front());
      queue_.pop_front();
      return PullResult::Message();
    }
    return end_.has_value() ? PullResult::Finish(ToGrpcStatus(*end_)) : PullResult::Wait();
  }

  void OnStopped() override {
    if (connection_ == 0) return;
    services_.hub->Unregister(connection_);
    LogInfo("session closed", {{"node", node_}, {"connection", connection_}});
    services_.core->Post(CloseSession{node_, connection_});
  }

  const Services& services_;
  const std::string node_;
  const std::string address_;
  v1::SessionRequest request_;
  uint64_t connection_ = 0;

  Mutex queue_mutex_;
  std::deque<v1::SessionResponse> queue_ ABSL_GUARDED_BY(queue_mutex_);
  // How the stream ends once the queue is empty.
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(queue_mutex_);
};

using UploadReactor = grpc::ServerBidiReactor<v1::UploadLogsRequest, v1::UploadLogsResponse>;

// One agent's log upload: batches go to the log store, its acknowledgements back. Reads pause while
// the store has enough to do.
class UploadStream final : public PullStream<UploadReactor, v1::UploadLogsResponse> {
 public:
  UploadStream(const Services& services, std::string node)
      : PullStream(services.executor), services_(services), node_(std::move(node)) {
    StartRead(&request_);
  }

 private:
  void OnReadDone(bool ok) override {
    absl::Status status = ok ? HandleRequest() : absl::OkStatus();
    if (!ok || !status.ok()) {
      {
        MutexLock lock(&ack_mutex_);
        if (!end_.has_value()) end_ = status;
      }
      Wake();
      return;
    }
    {
      MutexLock lock(&ack_mutex_);
      // The hold lets OnAppended start the next read from the log writer's thread.
      read_paused_ = held_back_ > 0 && AddHold();
      if (read_paused_) return;
    }
    StartRead(&request_);
  }

  absl::Status HandleRequest() {
    if (request_.has_hello()) {
      epoch_ = request_.hello().session_epoch();
      {
        MutexLock lock(&ack_mutex_);
        next_.set_window_bytes(kLogWindowBytes);
      }
      Wake();
    }
    if (epoch_ == 0 || epoch_ != services_.hub->EpochOf(node_)) {
      return MakeError(absl::StatusCode::kAborted, "SESSION_SUPERSEDED",
                       absl::StrCat("session ", epoch_, " of node ", node_,
                                    " is not its newest; open this stream after the Welcome"));
    }
    for (v1::ExecutionLogChunks& log : *request_.mutable_batch()->mutable_logs()) Take(&log);
    return absl::OkStatus();
  }

  void Take(v1::ExecutionLogChunks* log) {
    v1::LogAck ack;
    ack.set_execution_id(log->execution_id());
    const std::shared_ptr<const ExecutionChange> live = services_.live->Find(log->execution_id());
    if (live == nullptr || live->execution.node() != node_) {
      uint64_t bytes = 0;
      for (const v1::LogChunk& chunk : log->chunks()) bytes += chunk.data().size();
      ack.set_bytes(bytes);
      ack.set_unknown(true);
      QueueAck(std::move(ack));
      return;
    }
    std::vector<v1::LogChunk> chunks(std::make_move_iterator(log->mutable_chunks()->begin()),
                                     std::make_move_iterator(log->mutable_chunks()->end()));
    {
      MutexLock lock(&ack_mutex_);
      ++under_way_;
    }
    FaultOn("controller.log_append");
    const auto held = std::make_shared<bool>(false);
    const bool room = services_.logs->Append(
        LogKey{live->execution.namespace_(), live->execution.id(),
               ToTime(live->execution.assign_time())},
        live->spec->container().resources().log_bytes(), std::move(chunks),
        [this, ack = std::move(ack), held](absl::StatusOr<AppendResult> result) mutable {
          OnAppended(std::move(ack), held, result);
        });
    if (!room) HoldBack(held);
  }

  // The store is full up to its limit: no more is read until this append is through. Its callback
  // may have run already.
  void HoldBack(const std::shared_ptr<bool>& held) {
    MutexLock lock(&ack_mutex_);
    if (*held) return;
    *held = true;
    ++held_back_;
  }

  void OnAppended(v1::LogAck ack, const std::shared_ptr<bool>& held,
                  const absl::StatusOr<AppendResult>& result) {
    if (result.ok()) {
      ack.set_durable_seq(result->durable_seq);
      ack.set_rewind(result->rewind);
      ack.set_bytes(result->bytes);
      services_.core->PostUrgent(LogDurable{ack.execution_id(), result->durable_seq});
    }
    bool read_on = false;
    {
      MutexLock lock(&ack_mutex_);
      if (*held) {
        --held_back_;
      } else {
        *held = true;
      }
      if (read_paused_ && held_back_ == 0) {
        read_paused_ = false;
        read_on = true;
      }
      if (!result.ok() && !end_.has_value()) end_ = result.status();
      if (result.ok()) *next_.add_acks() = std::move(ack);
    }
    if (read_on) {
      StartRead(&request_);
      RemoveHold();
    }
    Wake();
    MutexLock lock(&ack_mutex_);
    --under_way_;
    idle_.NotifyAll();
  }

  void QueueAck(v1::LogAck ack) {
    {
      MutexLock lock(&ack_mutex_);
      *next_.add_acks() = std::move(ack);
    }
    Wake();
  }

  PullResult Pull(v1::UploadLogsResponse* message) override {
    MutexLock lock(&ack_mutex_);
    if (next_.acks_size() > 0 || next_.has_window_bytes()) {
      message->Swap(&next_);
      next_.Clear();
      return PullResult::Message();
    }
    return end_.has_value() ? PullResult::Finish(ToGrpcStatus(*end_)) : PullResult::Wait();
  }

  // Appends that are under way still point here. The log writer never waits for this thread, so the
  // wait ends.
  void OnStopped() override {
    MutexLock lock(&ack_mutex_);
    while (under_way_ > 0) idle_.Wait(&ack_mutex_);
  }

  const Services& services_;
  const std::string node_;
  v1::UploadLogsRequest request_;
  uint64_t epoch_ = 0;

  Mutex ack_mutex_;
  CondVar idle_;
  // Acks gather here while a write is under way.
  v1::UploadLogsResponse next_ ABSL_GUARDED_BY(ack_mutex_);
  int under_way_ ABSL_GUARDED_BY(ack_mutex_) = 0;
  int held_back_ ABSL_GUARDED_BY(ack_mutex_) = 0;
  bool read_paused_ ABSL_GUARDED_BY(ack_mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(ack_mutex_);
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
