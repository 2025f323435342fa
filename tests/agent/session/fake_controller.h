// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_AGENT_SESSION_FAKE_CONTROLLER_H_
#define CRONIUM_TESTS_AGENT_SESSION_FAKE_CONTROLLER_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "agent/session/grpc_connector.h"
#include "common/mutex.h"
#include "cronium/v1/agent_service.grpc.pb.h"

namespace cronium::agent {

// The newest stream of one kind, played by a test: what came, what to send, how to end it.
template <typename Request, typename Response>
class StreamScript {
 public:
  // ---- The test

  // The next message; an empty one after 30 s, which no passing test waits for.
  Request Next() {
    MutexLock lock(&mutex_);
    while (requests_.empty()) {
      if (!changed_.WaitFor(&mutex_, std::chrono::seconds(30))) return {};
    }
    Request request = std::move(requests_.front());
    requests_.pop_front();
    return request;
  }
  // Waits for a stream where there is none, and until it is written.
  void Send(const Response& response) {
    MutexLock lock(&mutex_);
    while (reactor_ == nullptr) changed_.Wait(&mutex_);
    Reactor* const reactor = reactor_;
    writing_ = true;
    reactor->StartWrite(&response);
    while (writing_ && reactor_ == reactor) changed_.Wait(&mutex_);
  }
  // Ends the stream; waits until it has.
  void End(const grpc::Status& status) {
    MutexLock lock(&mutex_);
    while (reactor_ == nullptr) changed_.Wait(&mutex_);
    const int ended = ended_;
    if (!std::exchange(reactor_->finished, true)) reactor_->Finish(status);
    while (ended_ == ended) changed_.Wait(&mutex_);
  }
  // Waits until that many streams have ended, from either side.
  void AwaitEnded(int count) {
    MutexLock lock(&mutex_);
    while (ended_ < count) changed_.Wait(&mutex_);
  }
  std::string metadata(const std::string& key) {
    MutexLock lock(&mutex_);
    return metadata_[key];
  }

  // ---- The service

  grpc::ServerBidiReactor<Request, Response>* Serve(grpc::CallbackServerContext* context) {
    MutexLock lock(&mutex_);
    metadata_.clear();
    for (const auto& [key, value] : context->client_metadata()) {
      metadata_[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
    }
    reactor_ = new Reactor(this);
    changed_.NotifyAll();
    return reactor_;
  }

 private:
  class Reactor final : public grpc::ServerBidiReactor<Request, Response> {
   public:
    explicit Reactor(StreamScript* script) : script_(script) { this->StartRead(&request_); }
    void OnReadDone(bool ok) override {
      {
        MutexLock lock(&script_->mutex_);
        if (ok) script_->requests_.push_back(request_);
        script_->changed_.NotifyAll();
        if (!ok && std::exchange(finished, true)) return;
      }
      if (ok) {
        this->StartRead(&request_);
      } else {
        this->Finish(grpc::Status::OK);
      }
    }
    void OnWriteDone(bool ok) override {
      MutexLock lock(&script_->mutex_);
      script_->writing_ = false;
      script_->changed_.NotifyAll();
    }
    void OnDone() override {
      {
        MutexLock lock(&script_->mutex_);
        // A next one may have come already.
        if (script_->reactor_ == this) script_->reactor_ = nullptr;
        ++script_->ended_;
        script_->changed_.NotifyAll();
      }
      delete this;
    }

    // Finish was called. Guarded by the script's mutex.
    bool finished = false;

   private:
    StreamScript* const script_;
    Request request_;
  };

  Mutex mutex_;
  CondVar changed_;
  Reactor* reactor_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> metadata_ ABSL_GUARDED_BY(mutex_);
  int ended_ ABSL_GUARDED_BY(mutex_) = 0;
};

// A server on a unix socket whose two streams are played by the test.
class FakeController final : public v1::AgentService::CallbackService {
 public:
  explicit FakeController(std::string address) : address_(std::move(address)) {}
  ~FakeController() override { Stop(); }

  void Start();
  void Stop();
  ChannelFactory channels() const;

  StreamScript<v1::SessionRequest, v1::SessionResponse>& session() { return session_; }
  StreamScript<v1::UploadLogsRequest, v1::UploadLogsResponse>& logs() { return logs_; }

 private:
  grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse>* Session(
      grpc::CallbackServerContext* context) override {
    return session_.Serve(context);
  }
  grpc::ServerBidiReactor<v1::UploadLogsRequest, v1::UploadLogsResponse>* UploadLogs(
      grpc::CallbackServerContext* context) override {
    return logs_.Serve(context);
  }

  const std::string address_;
  std::unique_ptr<grpc::Server> server_;
  StreamScript<v1::SessionRequest, v1::SessionResponse> session_;
  StreamScript<v1::UploadLogsRequest, v1::UploadLogsResponse> logs_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_TESTS_AGENT_SESSION_FAKE_CONTROLLER_H_
