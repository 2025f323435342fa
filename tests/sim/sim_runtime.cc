// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_runtime.h"

#include <vector>

#include "common/error.h"

namespace cronium::sim {
namespace {

constexpr double kTimeoutChance = 0.01;

absl::Status Unreachable() {
  return MakeError(absl::StatusCode::kUnavailable, agent::kEngineUnreachable, "connection refused");
}

absl::Status TimedOut() {
  return MakeError(absl::StatusCode::kDeadlineExceeded, agent::kEngineTimeout,
                   "the engine did not answer in time");
}

}  // namespace

template <typename Answer>
void SimRuntime::Ask(std::function<Answer()> effect, std::function<void(Answer)> done) {
  Random* random = scheduler_->random();
  const std::weak_ptr<int> alive = alive_;
  const auto answer = [this, alive, done = std::move(done)](Answer value) {
    if (alive.lock() == nullptr) return;
    done(std::move(value));
    answered_();
  };
  const absl::Duration there = random->Between(absl::Microseconds(200), absl::Milliseconds(80));
  const absl::Duration back = random->Between(absl::Microseconds(100), absl::Milliseconds(20));
  if (random->Chance(kTimeoutChance)) {
    // Whatever became of the agent meanwhile.
    const absl::Duration late = random->Between(absl::Seconds(1), absl::Seconds(20));
    host_->After(late, [engine = engine_, effect] {
      if (!engine->down()) static_cast<void>(effect());
    });
    host_->After(random->Between(absl::Seconds(1), absl::Seconds(10)),
                 [answer] { answer(Answer(TimedOut())); });
    return;
  }
  // The engine carries a call out that it got, whether its caller lives or not.
  host_->After(there, [host = host_, engine = engine_, effect, answer, back] {
    if (engine->down()) {
      answer(Answer(Unreachable()));
      return;
    }
    const auto value = std::make_shared<Answer>(effect());
    host->After(back, [answer, value] { answer(std::move(*value)); });
  });
}

agent::CallId SimRuntime::PrepareImage(const std::string&, ProgressFn, Done done) {
  Ask<absl::Status>([] { return absl::OkStatus(); }, std::move(done));
  return next_call_++;
}

void SimRuntime::Create(const agent::ContainerConfig& config, CreateDone done) {
  Ask<absl::StatusOr<std::string>>([engine = engine_, config] { return engine->Create(config); },
                                   std::move(done));
}

void SimRuntime::Start(const std::string& container, Done done) {
  engine_->StartAsked(container);
  Ask<absl::Status>([engine = engine_, container] { return engine->Start(container); },
                    std::move(done));
}

agent::CallId SimRuntime::Wait(const std::string& name, WaitDone done) {
  const agent::CallId call = next_call_++;
  waits_[call] = std::move(done);
  const std::weak_ptr<int> alive = alive_;
  const auto exited = [this, alive, call](absl::StatusOr<agent::ExitInfo> exit) {
    if (alive.lock() == nullptr) return;
    host_->After(scheduler_->random()->Between(absl::Milliseconds(1), absl::Milliseconds(50)),
                 [this, alive, call, exit] {
                   if (alive.lock() == nullptr) return;
                   const auto it = waits_.find(call);
                   if (it == waits_.end()) return;
                   const WaitDone waiting = std::move(it->second);
                   waits_.erase(it);
                   waiting(exit);
                   answered_();
                 });
  };
  host_->After(scheduler_->random()->Between(absl::Milliseconds(1), absl::Milliseconds(20)),
               [this, alive, name, exited] {
                 if (alive.lock() != nullptr) engine_->Wait(name, exited);
               });
  return call;
}

void SimRuntime::Kill(const std::string& name, int signal, Done done) {
  Ask<absl::Status>([engine = engine_, name, signal] { return engine->Kill(name, signal); },
                    std::move(done));
}

void SimRuntime::Remove(const std::string& name, bool, Done done) {
  Ask<absl::Status>([engine = engine_, name] { return engine->Remove(name); }, std::move(done));
}

void SimRuntime::ListOurs(const std::map<std::string, std::string>& labels, ListDone done) {
  using Answer = absl::StatusOr<std::vector<agent::ContainerInfo>>;
  Ask<Answer>([engine = engine_, labels]() -> Answer { return engine->List(labels); },
              std::move(done));
}

void SimRuntime::Ping(PingDone done) {
  using Answer = absl::StatusOr<agent::EngineInfo>;
  Ask<Answer>([]() -> Answer { return agent::EngineInfo{"sim", "1"}; }, std::move(done));
}

void SimRuntime::Cancel(agent::CallId call) {
  const auto it = waits_.find(call);
  if (it == waits_.end()) return;
  const WaitDone waiting = std::move(it->second);
  waits_.erase(it);
  host_->After(absl::Microseconds(10), [this, alive = std::weak_ptr<int>(alive_), waiting] {
    if (alive.lock() == nullptr) return;
    waiting(absl::CancelledError("cancelled"));
    answered_();
  });
}

}  // namespace cronium::sim
