// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_RPC_PULL_STREAM_H_
#define CRONIUM_COMMON_RPC_PULL_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <optional>
#include <utility>

#include "common/executor.h"
#include "common/mutex.h"

namespace cronium {

// What a stream has to write next.
struct PullResult {
  enum Kind {
    // The message was filled in.
    kMessage,
    // Nothing now; Wake() will be called when there is.
    kWait,
    // The stream ends with `status`.
    kFinish,
  };
  Kind kind = kWait;
  grpc::Status status;
  // Of a message: whether Pull may have another without a Wake() meanwhile.
  bool more = true;

  static PullResult Message() { return {kMessage, {}, true}; }
  // As Message, then Wait: saves the call that would say so. Not where the end is known already.
  static PullResult LastMessage() { return {kMessage, {}, false}; }
  static PullResult Wait() { return {kWait, {}, false}; }
  static PullResult Finish(grpc::Status status) { return {kFinish, std::move(status), false}; }
};

// The base of every server stream that writes: it asks for the next message only when the transport
// took the last one, so a slow peer holds back its own stream's source and nothing is queued here.
//
// Reactor is grpc::ServerWriteReactor<Response> or grpc::ServerBidiReactor<Request, Response>.
// Pull, and OnStopped before the object deletes itself, are called from executor or gRPC threads,
// never two at a time. gRPC needs exactly one Finish per stream and one outstanding write; both are
// seen to here.
template <typename Reactor, typename Response>
class PullStream : public Reactor {
 public:
  // Says that Pull may have something. Thread-safe, never waits; must not be called once OnStopped
  // returned.
  void Wake() {
    {
      MutexLock lock(&mutex_);
      if (busy_) {
        again_ = true;
        return;
      }
      if (finished_) return;
      busy_ = true;
    }
    RunStep();
  }

 protected:
  // executor is borrowed: Pull runs there, except right after a write.
  explicit PullStream(Executor* executor) : executor_(executor) {}

  virtual PullResult Pull(Response* message) = 0;
  // The call is over. Drop everything that may call Wake.
  virtual void OnStopped() = 0;

  void OnCancel() override {
    {
      MutexLock lock(&mutex_);
      cancelled_ = true;
    }
    Wake();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finished(grpc::Status::CANCELLED);
      return;
    }
    {
      MutexLock lock(&mutex_);
      if (!more_ && !again_) {
        busy_ = false;
        return;
      }
    }
    RunStep();
  }

  // While a hold is taken the stream does not finish: for who will call StartRead from a thread
  // that is not a callback of this stream. False where it finished already. Thread-safe.
  bool AddHold() {
    MutexLock lock(&mutex_);
    if (finished_) return false;
    ++holds_;
    return true;
  }
  void RemoveHold() {
    std::optional<grpc::Status> status;
    {
      MutexLock lock(&mutex_);
      if (--holds_ == 0) status.swap(held_finish_);
    }
    if (status.has_value()) this->Finish(*std::move(status));
  }

  void OnDone() override {
    OnStopped();
    delete this;
  }

 private:
  void Step() {
    while (true) {
      if (Cancelled()) {
        Finished(grpc::Status::CANCELLED);
        return;
      }
      response_.Clear();
      PullResult result = Pull(&response_);
      if (result.kind == PullResult::kMessage) {
        {
          MutexLock lock(&mutex_);
          more_ = result.more;
        }
        this->StartWrite(&response_);
        return;
      }
      if (result.kind == PullResult::kFinish) {
        Finished(std::move(result.status));
        return;
      }
      MutexLock lock(&mutex_);
      if (!again_) {
        busy_ = false;
        return;
      }
      again_ = false;
    }
  }

  bool Cancelled() {
    MutexLock lock(&mutex_);
    again_ = false;
    return cancelled_;
  }

  // busy_ stays set: nothing follows.
  void Finished(grpc::Status status) {
    {
      MutexLock lock(&mutex_);
      finished_ = true;
      if (holds_ > 0) {
        held_finish_ = std::move(status);
        return;
      }
    }
    this->Finish(std::move(status));
  }

  void RunStep() {
    if (executor_->Run([this] { Step(); })) return;
    Finished(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is stopping"));
  }

  Executor* const executor_;
  Response response_;
  Mutex mutex_;
  // A step or a write is under way.
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  // Wake was called meanwhile.
  bool again_ ABSL_GUARDED_BY(mutex_) = false;
  // As the last Pull said.
  bool more_ ABSL_GUARDED_BY(mutex_) = true;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  int holds_ ABSL_GUARDED_BY(mutex_) = 0;
  // What Finish is called with once the last hold is gone.
  std::optional<grpc::Status> held_finish_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium

#endif  // CRONIUM_COMMON_RPC_PULL_STREAM_H_
