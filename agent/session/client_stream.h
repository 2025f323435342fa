// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_SESSION_CLIENT_STREAM_H_
#define CRONIUM_AGENT_SESSION_CLIENT_STREAM_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_callback.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "agent/session/message_stream.h"
#include "common/mutex.h"
#include "common/rpc/status.h"

namespace cronium::agent {

// A MessageStream over gRPC. Writes go through one bounded queue, since gRPC allows one outstanding
// write; reads are given out one at a time, and the next only on request, so that nothing gathers
// here.
//
// Keeps itself alive until on_closed, which hands it over: the call's context may be the last to
// hold its channel, and gRPC 1.51 joins its callback threads when the last channel goes, so that
// one that goes in a callback aborts the process.
template <typename Request, typename Response>
class ClientStream final : public grpc::ClientBidiReactor<Request, Response>,
                           public MessageStream<Request, Response> {
 public:
  using Callbacks = typename MessageStream<Request, Response>::Callbacks;
  using Reactor = grpc::ClientBidiReactor<Request, Response>;
  // Begins the call, for example stub->async()->Session(context, reactor). Sets metadata first.
  using Starter = std::function<void(grpc::ClientContext*, Reactor*)>;

  // The first read is under way when it returns. At most max_queue writes wait.
  static std::shared_ptr<ClientStream> Start(const Starter& starter, size_t max_queue,
                                             Callbacks callbacks) {
    std::shared_ptr<ClientStream> stream(new ClientStream(max_queue, std::move(callbacks)));
    stream->self_ = stream;
    starter(&stream->context_, stream.get());
    // For the reads and writes that begin outside of reactions. Gone once closed_.
    stream->AddHold();
    stream->StartCall();
    stream->StartRead(&stream->response_);
    return stream;
  }

  bool Write(Request request) override {
    {
      MutexLock lock(&mutex_);
      if (closed_ || half_close_ || queue_.size() >= max_queue_) return false;
      queue_.push_back(std::move(request));
      if (writing_) return true;
      writing_ = true;
      ++starting_;
    }
    this->StartWrite(&Front());
    Started();
    return true;
  }

  void ReadNext() override {
    {
      MutexLock lock(&mutex_);
      if (closed_) return;
      ++starting_;
    }
    this->StartRead(&response_);
    Started();
  }

  void HalfClose() override {
    {
      MutexLock lock(&mutex_);
      if (closed_ || half_close_) return;
      half_close_ = true;
      if (writing_) return;
      ++starting_;
    }
    this->StartWritesDone();
    Started();
  }

  void Cancel() override {
    context_.TryCancel();
    Close();
  }

 private:
  ClientStream(size_t max_queue, Callbacks callbacks)
      : max_queue_(max_queue), callbacks_(std::move(callbacks)) {}

  void OnReadDone(bool ok) override {
    if (!ok) {
      Close();
      return;
    }
    callbacks_.on_response(std::exchange(response_, Response()));
  }

  void OnWriteDone(bool ok) override {
    bool more = false;
    bool half_close = false;
    {
      MutexLock lock(&mutex_);
      queue_.pop_front();
      more = ok && !closed_ && !queue_.empty();
      writing_ = more;
      half_close = ok && !closed_ && !more && half_close_;
    }
    if (!ok) {
      Close();
    } else if (more) {
      this->StartWrite(&Front());
    } else if (half_close) {
      this->StartWritesDone();
    } else if (callbacks_.on_writable != nullptr) {
      callbacks_.on_writable();
    }
  }

  void OnDone(const grpc::Status& status) override {
    // Once it is handed over it may be gone: nothing of it is used after.
    const auto on_closed = callbacks_.on_closed;
    on_closed(FromGrpcStatus(status), std::move(self_));
  }

  // Stays where it is until its write is done.
  const Request& Front() {
    MutexLock lock(&mutex_);
    return queue_.front();
  }

  // An operation from outside of a reaction was begun.
  void Started() {
    bool last = false;
    {
      MutexLock lock(&mutex_);
      --starting_;
      last = TakeHold();
    }
    if (last) this->RemoveHold();
  }

  // Nothing is begun any more.
  void Close() {
    bool last = false;
    {
      MutexLock lock(&mutex_);
      closed_ = true;
      last = TakeHold();
    }
    if (last) this->RemoveHold();
  }

  bool TakeHold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closed_ && starting_ == 0 && !std::exchange(hold_removed_, true);
  }

  const size_t max_queue_;
  const Callbacks callbacks_;
  std::shared_ptr<ClientStream> self_;
  grpc::ClientContext context_;
  // Belongs to the read under way.
  Response response_;

  Mutex mutex_;
  // The front is being written while writing_.
  std::deque<Request> queue_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_close_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  // Operations that are being begun outside of reactions: the hold stays for them.
  int starting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool hold_removed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_SESSION_CLIENT_STREAM_H_
