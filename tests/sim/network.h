// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_NETWORK_H_
#define CRONIUM_TESTS_SIM_NETWORK_H_

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "agent/session/message_stream.h"
#include "cronium/v1/agent_service.pb.h"
#include "tests/sim/scheduler.h"

namespace cronium::sim {

// What every call over a link has in common.
class CallBase {
 public:
  virtual ~CallBase() = default;
  // Messages may pass again.
  virtual void Pump() = 0;
  // The connection is gone: what is under way arrives up to some message and no further, and each
  // end hears of it in its own time.
  virtual void Break() = 0;
  virtual void ClientGone() = 0;
  virtual void ServerGone() = 0;
};

// The way between one host and the controller. Each direction can be cut by itself; what is sent
// meanwhile waits, as TCP has it, and goes on afterwards unless the connection has been given up.
class Link {
 public:
  explicit Link(Scheduler* scheduler) : scheduler_(scheduler) {}

  bool open(bool up, bool log) const { return !(log && log_cut_) && (up ? !up_cut_ : !down_cut_); }
  absl::Duration Delay() {
    return scheduler_->random()->Between(absl::Microseconds(50), max_delay_);
  }
  void SetMaxDelay(absl::Duration delay) { max_delay_ = delay; }
  void Cut(bool up, bool down) {
    up_cut_ = up;
    down_cut_ = down;
    for (const auto& call : Calls()) call->Pump();
  }
  // The connection of the Log stream alone, both ways.
  void CutLog(bool cut) {
    log_cut_ = cut;
    for (const auto& call : Calls()) call->Pump();
  }
  void BreakCalls() {
    for (const auto& call : Calls()) call->Break();
  }
  void Add(const std::shared_ptr<CallBase>& call) { calls_.push_back(call); }

  // In order; those that are over are left out.
  std::vector<std::shared_ptr<CallBase>> Calls() {
    std::vector<std::shared_ptr<CallBase>> alive;
    for (const auto& call : calls_) {
      if (auto locked = call.lock()) alive.push_back(std::move(locked));
    }
    calls_.assign(alive.begin(), alive.end());
    return alive;
  }

 private:
  Scheduler* const scheduler_;
  bool up_cut_ = false;
  bool down_cut_ = false;
  bool log_cut_ = false;
  absl::Duration max_delay_ = absl::Milliseconds(5);
  std::vector<std::weak_ptr<CallBase>> calls_;
};

// The controller's end of a call.
template <typename Request, typename Response>
class ServerEnd {
 public:
  virtual ~ServerEnd() = default;
  virtual void OnRequest(Request request) = 0;
  // No more requests: the peer half-closed, cancelled, or is gone. `gone`: nor can it be answered.
  virtual void OnEnd(bool gone) = 0;
};

// One bidirectional call over a link. In order each way and never twice, as a connection has it;
// late, stuck and cut off in the middle, as a network has it.
template <typename Request, typename Response>
class Call final : public agent::MessageStream<Request, Response>,
                   public CallBase,
                   public std::enable_shared_from_this<Call<Request, Response>> {
 public:
  using Stream = agent::MessageStream<Request, Response>;
  using Callbacks = typename Stream::Callbacks;
  using End = ServerEnd<Request, Response>;
  // Called when the first message arrives; null: nobody listens there.
  using Accept = std::function<std::shared_ptr<End>(std::shared_ptr<Call>)>;

  static std::shared_ptr<Call> Start(Scheduler* scheduler, Link* link, Callbacks callbacks,
                                     Accept accept) {
    auto call =
        std::shared_ptr<Call>(new Call(scheduler, link, std::move(callbacks), std::move(accept)));
    link->Add(call);
    call->self_ = call;
    return call;
  }

  // ---- The agent's end.
  bool Write(Request request) override {
    if (client_closed_ || half_closed_ || up_.size() >= 2048) return false;
    Enqueue(&up_, {Due(&up_due_), std::move(request), Kind::kMessage, {}});
    writable_owed_ = true;
    Schedule(up_due_);
    TellWritable();
    return true;
  }
  void ReadNext() override {
    reading_ = true;
    Schedule(scheduler_->now());
  }
  void HalfClose() override {
    if (client_closed_ || half_closed_) return;
    half_closed_ = true;
    Enqueue(&up_, {Due(&up_due_), {}, Kind::kEnd, {}});
    Schedule(up_due_);
  }
  void Cancel() override {
    if (client_closed_) return;
    Enqueue(&up_, {Due(&up_due_), {}, Kind::kEnd, {}});
    Schedule(up_due_);
    CloseClient(absl::CancelledError("cancelled"), absl::Microseconds(10));
  }

  // ---- The controller's end.
  void Send(Response response) {
    if (server_closed_) return;
    Enqueue(&down_, {Due(&down_due_), std::move(response), Kind::kMessage, {}});
    Schedule(down_due_);
  }
  void Finish(const absl::Status& status) {
    if (server_closed_) return;
    server_closed_ = true;
    Enqueue(&down_, {Due(&down_due_), {}, Kind::kEnd, status});
    Schedule(down_due_);
    // A reactor that has finished is told at once that it is over.
    const auto self = this->shared_from_this();
    scheduler_->After(absl::Microseconds(5), [self] { self->EndServer(/*gone=*/true); });
  }

  static constexpr bool is_log() { return std::is_same_v<Request, v1::UploadLogsRequest>; }

  // ---- CallBase
  void Pump() override {
    const auto self = this->shared_from_this();
    while (link_->open(true, is_log()) && !up_.empty() && up_.front().due <= scheduler_->now()) {
      auto item = std::move(up_.front());
      up_.pop_front();
      Arrive(std::move(item));
    }
    while (link_->open(false, is_log()) && !down_.empty() &&
           down_.front().due <= scheduler_->now()) {
      if (down_.front().kind == Kind::kMessage && !reading_) break;
      auto item = std::move(down_.front());
      down_.pop_front();
      if (client_closed_) continue;
      if (item.kind == Kind::kEnd) {
        CloseClient(item.status, absl::Microseconds(10));
      } else {
        reading_ = false;
        callbacks_.on_response(std::move(item.message));
      }
    }
    TellWritable();
  }
  void Break() override {
    if (broken_) return;
    broken_ = true;
    Random* random = scheduler_->random();
    up_.erase(up_.begin() + static_cast<std::ptrdiff_t>(random->Below(up_.size() + 1)), up_.end());
    down_.erase(down_.begin() + static_cast<std::ptrdiff_t>(random->Below(down_.size() + 1)),
                down_.end());
    const auto self = this->shared_from_this();
    scheduler_->After(random->Between(absl::Milliseconds(1), absl::Seconds(20)), [self] {
      self->CloseClient(absl::UnavailableError("the connection broke"), absl::ZeroDuration());
    });
    scheduler_->After(random->Between(absl::Milliseconds(1), absl::Seconds(40)),
                      [self] { self->EndServer(/*gone=*/true); });
  }
  void ClientGone() override {
    callbacks_ = {};
    client_closed_ = true;
    self_.reset();
    if (broken_) return;
    // The kernel closes its connections, which is an end like any other.
    Enqueue(&up_, {Due(&up_due_), {}, Kind::kEnd, {}});
    Schedule(up_due_);
  }
  void ServerGone() override {
    server_closed_ = true;
    ended_ = true;
    end_.reset();
    if (broken_) return;
    Enqueue(&down_, {Due(&down_due_), {}, Kind::kEnd, absl::UnavailableError("socket closed")});
    Schedule(down_due_);
  }

 private:
  enum class Kind { kMessage, kEnd };
  template <typename Message>
  struct Item {
    absl::Duration due;
    Message message;
    Kind kind;
    absl::Status status;
  };

  Call(Scheduler* scheduler, Link* link, Callbacks callbacks, Accept accept)
      : scheduler_(scheduler),
        link_(link),
        callbacks_(std::move(callbacks)),
        accept_(std::move(accept)) {}

  template <typename Message>
  void Enqueue(std::deque<Item<Message>>* queue, Item<Message> item) {
    if (!broken_) queue->push_back(std::move(item));
  }
  // In order: never before what was sent before.
  absl::Duration Due(absl::Duration* last) {
    *last = std::max(*last, scheduler_->now() + link_->Delay());
    return *last;
  }
  void Schedule(absl::Duration time) {
    const auto self = this->shared_from_this();
    scheduler_->At(time, [self] { self->Pump(); });
  }

  void Arrive(Item<Request> item) {
    if (ended_) return;
    if (end_ == nullptr) {
      if (item.kind == Kind::kEnd) return;
      end_ = accept_(this->shared_from_this());
      if (end_ == nullptr) {
        ServerGone();
        return;
      }
    }
    if (item.kind == Kind::kEnd) {
      EndServer(/*gone=*/client_closed_);
    } else if (!server_closed_) {
      end_->OnRequest(std::move(item.message));
    }
  }
  void EndServer(bool gone) {
    if (ended_ || end_ == nullptr) return;
    const std::shared_ptr<End> end = end_;
    if (gone) {
      ended_ = true;
      server_closed_ = true;
      end_.reset();
    }
    end->OnEnd(gone);
  }
  void CloseClient(const absl::Status& status, absl::Duration after) {
    if (client_closed_) return;
    client_closed_ = true;
    const auto self = this->shared_from_this();
    scheduler_->After(after, [self, status] {
      if (self->callbacks_.on_closed == nullptr) return;
      const auto on_closed = std::exchange(self->callbacks_, {}).on_closed;
      on_closed(status, std::exchange(self->self_, nullptr));
    });
  }
  // The transport takes a few messages ahead of the network.
  void TellWritable() {
    if (!writable_owed_ || client_closed_ || up_.size() > 4) return;
    writable_owed_ = false;
    const auto self = this->shared_from_this();
    scheduler_->After(absl::Microseconds(20), [self] {
      if (!self->client_closed_ && self->callbacks_.on_writable) self->callbacks_.on_writable();
    });
  }

  Scheduler* const scheduler_;
  Link* const link_;
  Callbacks callbacks_;
  const Accept accept_;
  // Until on_closed.
  std::shared_ptr<Call> self_;
  std::shared_ptr<End> end_;
  std::deque<Item<Request>> up_;
  std::deque<Item<Response>> down_;
  absl::Duration up_due_;
  absl::Duration down_due_;
  bool reading_ = true;
  bool writable_owed_ = false;
  bool half_closed_ = false;
  bool client_closed_ = false;
  bool server_closed_ = false;
  bool ended_ = false;
  bool broken_ = false;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_NETWORK_H_
