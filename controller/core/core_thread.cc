// SPDX-License-Identifier: Apache-2.0
#include "controller/core/core_thread.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/thread_name.h"

namespace cronium::controller {
namespace {

// Inputs that wait. Senders are gRPC threads, so past this the callers' streams and calls slow
// down.
constexpr size_t kMailboxCapacity = 65'536;

}  // namespace

CoreThread::CoreThread(Core* core, const Clock* clock, CommitFunction commit, CoreEffects* effects)
    : core_(core),
      clock_(clock),
      driver_(core, clock, std::move(commit), effects,
              [this](const Answer& answer) { Answered(answer); }),
      mailbox_(kMailboxCapacity) {}

CoreThread::~CoreThread() { Stop(); }

void CoreThread::Start(Output loaded) {
  Publish();
  driver_.Release(std::move(loaded));
  thread_ = std::thread([this] { Run(); });
}

void CoreThread::Post(InputMessage message, AnswerCallback done) {
  Input input{std::move(message), 0};
  if (done != nullptr) {
    MutexLock lock(&mutex_);
    input.ticket = next_ticket_++;
    waiting_.emplace(input.ticket, std::move(done));
  }
  const Ticket ticket = input.ticket;
  if (!mailbox_.Send(std::move(input)) && ticket != 0) Answered({ticket, ControllerStopping()});
}

void CoreThread::PostUrgent(InputMessage message) {
  mailbox_.SendUrgent(Input{std::move(message), 0});
}

void CoreThread::Stop() {
  mailbox_.Close();
  if (thread_.joinable()) thread_.join();
}

void CoreThread::Run() {
  SetThreadName("core");
  while (true) {
    std::optional<std::chrono::nanoseconds> timeout;
    if (const auto due = core_->next_due()) {
      timeout = absl::ToChronoNanoseconds(
          std::clamp(*due - clock_->Now(), absl::ZeroDuration(), absl::Seconds(60)));
    }
    std::vector<Input> inputs = mailbox_.Receive(timeout);
    if (inputs.empty() && mailbox_.closed()) return;
    Output output = driver_.Turn(std::move(inputs));
    Publish();
    driver_.Release(std::move(output));
  }
}

void CoreThread::Publish() {
  std::vector<v1::Node> nodes = core_->TakeChangedNodes();
  MutexLock lock(&mutex_);
  for (v1::Node& node : nodes) {
    const std::string name = node.name();
    nodes_[name] = std::move(node);
  }
  wait_reasons_ = core_->wait_reasons();
  queued_jobs_ = core_->queued_jobs();
}

void CoreThread::Answered(const Answer& answer) {
  AnswerCallback done;
  {
    MutexLock lock(&mutex_);
    const auto it = waiting_.find(answer.ticket);
    if (it == waiting_.end()) return;
    done = std::move(it->second);
    waiting_.erase(it);
  }
  done(answer.result);
}

WaitReason CoreThread::WaitReasonOf(const std::string& placement_class) const {
  MutexLock lock(&mutex_);
  const auto it = wait_reasons_.find(placement_class);
  return it == wait_reasons_.end() ? WaitReason{} : it->second;
}

absl::StatusOr<v1::Node> CoreThread::FindNode(absl::string_view name) const {
  MutexLock lock(&mutex_);
  const auto it = nodes_.find(std::string(name));
  if (it != nodes_.end()) return it->second;
  return MakeError(absl::StatusCode::kNotFound, "NODE_NOT_FOUND",
                   absl::StrCat("no node named \"", name, "\" has joined the cluster"),
                   {{"node", name}});
}

std::vector<v1::Node> CoreThread::ListNodes(absl::string_view after_name, int limit) const {
  std::vector<v1::Node> nodes;
  MutexLock lock(&mutex_);
  for (auto it = nodes_.upper_bound(std::string(after_name));
       it != nodes_.end() && static_cast<int>(nodes.size()) < limit; ++it) {
    nodes.push_back(it->second);
  }
  return nodes;
}

size_t CoreThread::queued_jobs() const {
  MutexLock lock(&mutex_);
  return queued_jobs_;
}

}  // namespace cronium::controller
