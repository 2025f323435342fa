// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_controller.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cronium::sim {

using controller::Input;
using controller::InputMessage;
using controller::Output;

namespace {

// Small, so that it fills.
constexpr uint64_t kWindowBytes = 3000;

}  // namespace

// The controller's end of one session.
class SimController::Session : public SessionCall::End, public controller::SessionPeer {
 public:
  Session(SimController* owner, const std::string& node, std::shared_ptr<SessionCall> call)
      : owner_(owner),
        node_(node),
        call_(std::move(call)),
        intake_(
            &owner->hub_, this, [owner](InputMessage message) { owner->Post(std::move(message)); },
            node, "10.0.0.1") {}

  void OnRequest(v1::SessionRequest request) override {
    if (owner_->machine_.scheduler->tracing() && !request.has_heartbeat()) {
      owner_->machine_.scheduler->Trace("controller", "hears of ", node_, ": ",
                                        request.ShortDebugString());
    }
    if (absl::Status status = intake_.Take(std::move(request)); !status.ok()) {
      call_->Finish(status);
    }
  }
  void OnEnd(bool gone) override {
    if (!gone) {
      call_->Finish(absl::OkStatus());
    } else if (!std::exchange(closed_, true)) {
      intake_.Close();
    }
  }
  void Send(v1::SessionResponse message) override { call_->Send(std::move(message)); }
  void End(const absl::Status& reason) override { call_->Finish(reason); }

 private:
  SimController* const owner_;
  const std::string node_;
  const std::shared_ptr<SessionCall> call_;
  controller::SessionIntake intake_;
  bool closed_ = false;
};

// The controller's end of one Log stream.
class SimController::Upload : public LogCall::End, public std::enable_shared_from_this<Upload> {
 public:
  Upload(SimController* owner, const std::string& node, std::shared_ptr<LogCall> call)
      : owner_(owner),
        node_(node),
        call_(std::move(call)),
        intake_(std::make_shared<controller::LogIntake>(
            controller::LogIntake::Services{
                .hub = &owner->hub_,
                .live = &owner->live_,
                .append =
                    [this](const controller::LogKey& key, int64_t, std::vector<v1::LogChunk> chunks,
                           controller::LogStore::AppendCallback done) {
                      return Append(key, std::move(chunks), std::move(done));
                    },
                .durable =
                    [owner](controller::LogDurable durable) { owner->Post(std::move(durable)); },
                .window_bytes = kWindowBytes},
            controller::LogIntake::Stream{.wake = [this] { Pull(); },
                                          .hold = [this] { return !over_; },
                                          .read_on = [this] { ReadOn(); }},
            node)) {}

  void OnRequest(v1::UploadLogsRequest request) override {
    requests_.push_back(std::move(request));
    if (reading_) TakeNext();
  }
  void OnEnd(bool gone) override {
    if (!gone) {
      intake_->OnEnd();
    } else {
      over_ = true;
      requests_.clear();
    }
  }

 private:
  void TakeNext() {
    while (reading_ && !requests_.empty() && !over_) {
      v1::UploadLogsRequest request = std::move(requests_.front());
      requests_.erase(requests_.begin());
      if (request.has_hello()) epoch_ = request.hello().session_epoch();
      may_append_ = epoch_ == owner_->hub_.EpochOf(node_);
      reading_ = intake_->Take(std::move(request));
    }
  }
  void ReadOn() {
    reading_ = true;
    owner_->machine_.scheduler->After(absl::Microseconds(10),
                                      [self = shared_from_this()] { self->TakeNext(); });
  }
  bool Append(const controller::LogKey& key, std::vector<v1::LogChunk> chunks,
              controller::LogStore::AppendCallback done) {
    Scheduler* scheduler = owner_->machine_.scheduler;
    if (!may_append_) {
      scheduler->Fail(absl::StrCat("a log stream of an older session of ", node_, " stores ",
                                   key.execution_id));
    }
    // This object stays until the last append is through.
    owner_->Append(key, std::move(chunks),
                   [self = shared_from_this(), done = std::move(done)](auto result) {
                     done(std::move(result));
                   });
    return !scheduler->random()->Chance(0.03);
  }
  void Pull() {
    std::optional<absl::Status> end;
    while (std::optional<v1::UploadLogsResponse> next = intake_->Next(&end)) {
      if (!over_) call_->Send(*std::move(next));
    }
    if (end.has_value() && !over_) call_->Finish(*end);
  }

  SimController* const owner_;
  const std::string node_;
  const std::shared_ptr<LogCall> call_;
  std::vector<v1::UploadLogsRequest> requests_;
  bool reading_ = true;
  bool over_ = false;
  bool may_append_ = false;
  uint64_t epoch_ = 0;
  const std::shared_ptr<controller::LogIntake> intake_;
};

SimController::SimController(const ControllerMachine& machine)
    : machine_(machine),
      hub_(machine.tokens),
      core_(machine.options, machine.ids),
      driver_(
          &core_, machine.clock,
          [this](std::vector<controller::Change> changes, auto done) {
            auto results =
                std::make_shared<absl::StatusOr<std::vector<controller::ChangeResult>>>();
            machine_.commits->Submit(
                {.write = [store = machine_.store, results,
                           changes = std::move(changes)] { *results = store->Commit(changes); },
                 .done = [results, done = std::move(done)] { done(*std::move(results)); }});
          },
          this,
          [this](const controller::Answer& answer) {
            const auto it = waiting_.find(answer.ticket);
            if (it == waiting_.end()) return;
            const AnswerCallback done = std::move(it->second);
            waiting_.erase(it);
            done(answer.result);
          },
          machine.answer_early) {
  absl::StatusOr<controller::LiveState> state = machine_.store->LoadLiveState();
  absl::flat_hash_map<std::string, uint64_t> durable;
  for (const v1::Execution& execution : state->executions) {
    durable[execution.id()] = machine_.logs->DurableSeq(execution.id());
  }
  Output loaded;
  core_.Load(*std::move(state), durable, machine_.clock->Now(), &loaded);
  driver_.Release(std::move(loaded));
  ScheduleTurn(absl::Microseconds(10));
}

SimController::~SimController() {
  alive_.reset();
  machine_.commits->OnCrash();
  machine_.log_files->OnCrash();
  for (const auto& weak : calls_) {
    if (const auto call = weak.lock()) call->ServerGone();
  }
}

std::shared_ptr<SessionCall::End> SimController::AcceptSession(
    const std::string& node, const std::shared_ptr<SessionCall>& call) {
  calls_.push_back(call);
  return std::make_shared<Session>(this, node, call);
}

std::shared_ptr<LogCall::End> SimController::AcceptLog(const std::string& node,
                                                       const std::shared_ptr<LogCall>& call) {
  calls_.push_back(call);
  return std::make_shared<Upload>(this, node, call);
}

void SimController::Append(const controller::LogKey& key, std::vector<v1::LogChunk> chunks,
                           controller::LogStore::AppendCallback done) {
  auto result = std::make_shared<absl::StatusOr<controller::AppendResult>>(absl::UnknownError(""));
  machine_.log_files->Submit(
      {.write = [logs = machine_.logs, result, id = key.execution_id,
                 chunks = std::move(chunks)] { *result = logs->Append(id, chunks); },
       .done =
           [logs = machine_.logs, result, id = key.execution_id, done = std::move(done)] {
             logs->Notify(id);
             done(*std::move(result));
           }});
}

// ---- The core's thread

void SimController::Post(InputMessage message, AnswerCallback done) {
  Input input{std::move(message), 0};
  if (done != nullptr) {
    input.ticket = next_ticket_++;
    waiting_.emplace(input.ticket, std::move(done));
  }
  mailbox_.push_back(std::move(input));
  ScheduleTurn(
      machine_.scheduler->random()->Between(absl::Microseconds(2), absl::Microseconds(500)));
}

void SimController::ScheduleTurn(absl::Duration delay) {
  if (std::exchange(turn_due_, true)) return;
  machine_.scheduler->After(delay, [this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.lock() == nullptr) return;
    turn_due_ = false;
    Turn();
  });
}

void SimController::ScheduleDue() {
  const std::optional<absl::Time> due = core_.next_due();
  if (!due.has_value()) return;
  const absl::Duration left =
      std::clamp(*due - machine_.clock->Now(), absl::Microseconds(10), absl::Seconds(60));
  const absl::Duration wake = machine_.scheduler->now() + left + left / 1000;
  // One that comes a little late will do; else every turn would set another.
  if (wake_at_ <= wake + left / 500 + absl::Microseconds(1)) return;
  wake_at_ = wake;
  machine_.scheduler->At(wake, [this, wake, alive = std::weak_ptr<int>(alive_)] {
    if (alive.lock() == nullptr) return;
    if (wake_at_ != wake) return;
    wake_at_ = absl::InfiniteDuration();
    ScheduleTurn(absl::ZeroDuration());
  });
}

void SimController::Turn() {
  std::vector<Input> taken = std::exchange(mailbox_, {});
  std::vector<Input> batch;
  for (Input& input : taken) {
    if (IsStale(input.message)) {
      Handle(std::exchange(batch, {}));
      HandleStale(std::move(input));
      continue;
    }
    if (const auto* open = std::get_if<controller::OpenSession>(&input.message)) {
      newest_[open->node] = open->connection;
    } else if (const auto* close = std::get_if<controller::CloseSession>(&input.message)) {
      newest_.erase(close->node);
    }
    batch.push_back(std::move(input));
  }
  Handle(std::move(batch));
  ScheduleDue();
}

void SimController::Handle(std::vector<Input> inputs) {
  Output output = driver_.Turn(std::move(inputs));
  for (const controller::EndSession& end : output.ended_sessions) {
    std::erase_if(newest_, [&](const auto& entry) { return entry.second == end.connection; });
  }
  driver_.Release(std::move(output));
}

// A message of a session that is not its node's present one changes nothing.
void SimController::HandleStale(Input input) {
  const Output output = driver_.Turn({std::move(input)});
  if (!output.empty()) {
    machine_.scheduler->Fail("a message of an older session changed something");
  }
}

bool SimController::IsStale(const InputMessage& message) {
  const auto stale = [this](const std::string& node, uint64_t connection) {
    const auto it = newest_.find(node);
    return it == newest_.end() || it->second != connection;
  };
  if (const auto* heartbeat = std::get_if<controller::NodeHeartbeat>(&message)) {
    return stale(heartbeat->node, heartbeat->connection);
  }
  if (const auto* reports = std::get_if<controller::NodeReports>(&message)) {
    return stale(reports->node, reports->connection);
  }
  if (const auto* close = std::get_if<controller::CloseSession>(&message)) {
    return stale(close->node, close->connection);
  }
  return false;
}

// ---- CoreEffects, as the controller's process has them.

void SimController::OnExecution(const controller::ExecutionChange& change) { live_.Update(change); }
void SimController::OnJob(const v1::Job& job) {
  machine_.scheduler->Trace("controller", "job ", job.id(), " ", v1::JobState_Name(job.state()),
                            " attempt ", job.attempt(), " ", job.execution_id(), " ",
                            job.state_message());
  if (watcher_) watcher_(job);
}
void SimController::OnSend(const controller::Send& send) {
  if (machine_.scheduler->tracing() && !send.message.has_heartbeat_ack()) {
    machine_.scheduler->Trace("controller", "sends on ", send.connection, ": ",
                              send.message.ShortDebugString());
  }
  hub_.Deliver(send);
}
void SimController::OnEndSession(const controller::EndSession& end) {
  machine_.scheduler->Trace("controller", "ends session ", end.connection, ": ",
                            end.reason.message());
  hub_.End(end);
}

}  // namespace cronium::sim
