// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_engine.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/execution/container_config.h"
#include "agent/init/lease.h"
#include "common/error.h"
#include "common/protocol_rules.h"

namespace cronium::sim {
namespace {

constexpr int kKilled = 128 + SIGKILL;
constexpr int kCannotStart = 126;
// How long until a pipe is looked at again: from the first to the second, twice as long each time.
constexpr absl::Duration kMinPoll = absl::Milliseconds(20);
constexpr absl::Duration kMaxPoll = absl::Seconds(1);

absl::Status NoContainer(const std::string& name) {
  return MakeError(absl::StatusCode::kNotFound, agent::kContainerNotFound,
                   absl::StrCat("no such container: ", name));
}

UniqueFd OpenFifo(const std::string& path) {
  return UniqueFd(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
}

int Unread(const UniqueFd& fd) {
  int bytes = 0;
  if (fd.valid()) ioctl(fd.get(), FIONREAD, &bytes);
  return bytes;
}

}  // namespace

std::string ScriptPlan::Text() const {
  return absl::StrCat(lines, " ", line_bytes, " ", period_us, " ", exit_code, " ",
                      static_cast<int>(ignores_term), " ", stop_grace_ms);
}

ScriptPlan ScriptPlan::Parse(const std::string& text) {
  ScriptPlan plan;
  std::istringstream in(text);
  in >> plan.lines >> plan.line_bytes >> plan.period_us >> plan.exit_code >> plan.ignores_term >>
      plan.stop_grace_ms;
  return plan;
}

struct SimEngine::Container {
  std::string id;
  agent::ContainerConfig config;
  agent::ContainerState state = agent::ContainerState::kCreated;
  agent::ExitInfo exit;
  std::vector<std::function<void(absl::StatusOr<agent::ExitInfo>)>> waiters;

  // Of cronium-init and its script.
  std::string job;
  std::string folder;
  ScriptPlan plan;
  UniqueFd out;
  UniqueFd err;
  UniqueFd status;
  int line = 0;
  bool script_runs = false;
  bool lease_ended = false;
  int64_t lease_end_ns = 0;
  absl::Duration poll = kMinPoll;

  absl::Duration NextPoll() {
    const absl::Duration now = poll;
    poll = std::min(poll * 2, kMaxPoll);
    return now;
  }
};

SimEngine::ContainerPtr SimEngine::Find(const std::string& container) const {
  const auto it = std::find_if(containers_.begin(), containers_.end(), [&](const auto& entry) {
    return entry.first == container || entry.second->id == container;
  });
  return it == containers_.end() ? nullptr : it->second;
}

absl::StatusOr<std::string> SimEngine::Create(const agent::ContainerConfig& config) {
  if (const ContainerPtr there = Find(config.name)) return there->id;
  auto c = std::make_shared<Container>();
  c->id = absl::StrCat("c", next_id_++);
  c->config = config;
  c->job = config.labels.at(std::string(agent::kJobLabel));
  for (const agent::BindMount& bind : config.binds) {
    if (bind.target == "/run/cronium/job") c->folder = bind.source;
  }
  containers_[config.name] = c;
  return c->id;
}

void SimEngine::StartAsked(const std::string& id) {
  if (!starts_asked_.insert(id).second) {
    scheduler_->Fail(absl::StrCat(name_, " is asked twice to start ", id));
  }
}

absl::Status SimEngine::Start(const std::string& id) {
  const ContainerPtr c = Find(id);
  if (c == nullptr) return NoContainer(id);
  c->state = agent::ContainerState::kRunning;
  StartInit(c);
  return absl::OkStatus();
}

void SimEngine::Wait(const std::string& container,
                     std::function<void(absl::StatusOr<agent::ExitInfo>)> done) {
  const ContainerPtr c = Find(container);
  if (c == nullptr) {
    done(NoContainer(container));
  } else if (c->state == agent::ContainerState::kCreated) {
    done(absl::FailedPreconditionError(absl::StrCat(container, " was never started")));
  } else if (c->state == agent::ContainerState::kEnded) {
    done(c->exit);
  } else {
    c->waiters.push_back(std::move(done));
  }
}

absl::Status SimEngine::Kill(const std::string& container, int signal) {
  const ContainerPtr c = Find(container);
  if (c == nullptr || c->state != agent::ContainerState::kRunning) return absl::OkStatus();
  if (signal == SIGKILL) {
    Exit(c, kKilled);
  } else {
    After(c, absl::Milliseconds(1), &SimEngine::OnTerm);
  }
  return absl::OkStatus();
}

absl::Status SimEngine::Remove(const std::string& container) {
  const ContainerPtr c = Find(container);
  if (c == nullptr) return absl::OkStatus();
  if (c->state == agent::ContainerState::kRunning) Exit(c, kKilled);
  containers_.erase(c->config.name);
  return absl::OkStatus();
}

std::vector<agent::ContainerInfo> SimEngine::List(
    const std::map<std::string, std::string>& labels) const {
  std::vector<agent::ContainerInfo> list;
  for (const auto& [name, c] : containers_) {
    const auto& has = c->config.labels;
    const bool ours = std::all_of(labels.begin(), labels.end(), [&has](const auto& want) {
      const auto it = has.find(want.first);
      return it != has.end() && it->second == want.second;
    });
    if (ours) list.push_back({c->id, name, c->config.labels, c->state});
  }
  return list;
}

void SimEngine::ForgetWaiters() {
  for (const auto& [name, c] : containers_) c->waiters.clear();
}

void SimEngine::GoDown() {
  scheduler_->Trace(name_, "engine goes down");
  down_ = true;
  const auto containers = containers_;
  for (const auto& [name, c] : containers) {
    if (c->state != agent::ContainerState::kRunning) continue;
    // What an engine that comes back says of a container that it lost.
    constexpr int kMadeUp[] = {0, kKilled, 255};
    Exit(c, kMadeUp[scheduler_->random()->Below(std::size(kMadeUp))]);
  }
}

void SimEngine::ComeBack() {
  scheduler_->Trace(name_, "engine is back");
  down_ = false;
  // Who waited hears of it now.
  const auto containers = containers_;
  for (const auto& [name, c] : containers) {
    if (c->state != agent::ContainerState::kEnded) continue;
    agent::ExitInfo exit = c->exit;
    exit.engine_lost = true;
    for (const auto& done : std::exchange(c->waiters, {})) done(exit);
  }
  host_->Poke();
}

void SimEngine::OnReboot() {
  down_ = false;
  frozen_ = false;
  const auto containers = containers_;
  for (const auto& [name, c] : containers) {
    c->waiters.clear();
    if (c->state == agent::ContainerState::kRunning) Exit(c, 255);
  }
}

void SimEngine::Freeze(bool frozen) {
  frozen_ = frozen;
  const auto containers = containers_;
  if (!frozen) {
    // What is overdue has its turn before a script gets on.
    for (const auto& [name, c] : containers) {
      if (c->state != agent::ContainerState::kRunning) continue;
      OnLeaseTimer(c);
      const int64_t kill_ns = c->lease_end_ns + c->plan.stop_grace_ms * 1'000'000;
      if (c->lease_ended && kill_ns <= host_->clock().BoottimeNs()) OnKillTimer(c);
    }
  }
  for (const auto& [name, c] : containers) {
    if (c->script_runs) checker_->OnScriptFrozen(c->job, name, frozen);
  }
}

// ---- cronium-init

void SimEngine::After(const ContainerPtr& c, absl::Duration delay,
                      void (SimEngine::*step)(ContainerPtr)) {
  host_->After(delay, [this, c, step] {
    if (c->state == agent::ContainerState::kRunning) (this->*step)(c);
  });
}

void SimEngine::ArmAt(const ContainerPtr& c, int64_t boottime_ns,
                      void (SimEngine::*step)(ContainerPtr)) {
  After(c, host_->clock().TimeOf(boottime_ns) - scheduler_->now(), step);
}

void SimEngine::Say(const ContainerPtr& c, const std::string& line) {
  const std::string text = line + "\n";
  [[maybe_unused]] const ssize_t written = write(c->status.get(), text.data(), text.size());
}

void SimEngine::StartInit(const ContainerPtr& c) {
  c->out = OpenFifo(c->folder + "/stdout");
  c->err = OpenFifo(c->folder + "/stderr");
  c->status = OpenFifo(c->folder + "/status");
  agent::init::Lease lease;
  std::string error = agent::init::ReadLease(c->folder + "/lease", &lease);
  if (error.empty() && !lease.keep && lease.end_ns <= host_->clock().BoottimeNs()) {
    RuleApplied(14);  // docs/protocol.md P14
    error = "the lease ended before the job could start";
  }
  if (!error.empty() || !c->status.valid()) {
    Say(c, absl::StrCat("error lease ", error));
    scheduler_->Trace(name_, c->config.name, " does not start: ", error);
    Exit(c, kCannotStart);
    return;
  }
  const absl::StatusOr<std::string> script = ReadFile(c->folder + "/script");
  if (script.ok()) c->plan = ScriptPlan::Parse(*script);
  scheduler_->Trace(name_, c->config.name, " starts its script");
  Say(c, "starting");
  Say(c, absl::StrCat("started ", host_->clock().BoottimeNs()));
  c->script_runs = true;
  checker_->OnScriptStarted(c->job, c->config.name);
  if (frozen_) checker_->OnScriptFrozen(c->job, c->config.name, true);
  if (!lease.keep) {
    c->lease_end_ns = lease.end_ns;
    ArmAt(c, lease.end_ns, &SimEngine::OnLeaseTimer);
  }
  After(c, absl::Microseconds(c->plan.period_us), &SimEngine::WriteLine);
  host_->Poke();
}

void SimEngine::WriteLine(ContainerPtr c) {
  if (!c->script_runs) return;
  if (c->line >= c->plan.lines) {
    EndScript(c, c->plan.exit_code, false);
    return;
  }
  const int stream = c->line % 5 == 3 ? 1 : 0;
  std::string text = absl::StrCat(c->config.name, " line ", c->line, " ");
  text.resize(std::max<size_t>(text.size(), static_cast<size_t>(c->plan.line_bytes)), '.');
  // Some without a newline: an entry of its own that is seen at once.
  if (c->line % 11 != 7) text += "\n";
  const UniqueFd& fd = stream == 0 ? c->out : c->err;
  // At most PIPE_BUF: all of it or none.
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    After(c, c->NextPoll(), &SimEngine::WriteLine);
    return;
  }
  c->poll = kMinPoll;
  checker_->OnWritten(c->config.name, stream, text);
  ++c->line;
  After(c, absl::Microseconds(c->plan.period_us), &SimEngine::WriteLine);
  host_->Poke();
}

// docs/protocol.md P13, as agent/init/lease.h and supervisor.cc have it.
void SimEngine::OnLeaseTimer(ContainerPtr c) {
  if (c->lease_ended || c->lease_end_ns == 0) return;
  const int64_t now = host_->clock().BoottimeNs();
  if (c->lease_end_ns > now) return;
  agent::init::Lease lease;
  if (agent::init::ReadLease(c->folder + "/lease", &lease).empty()) {
    if (lease.keep) return;
    if (lease.end_ns > now) {
      c->lease_end_ns = lease.end_ns;
      ArmAt(c, lease.end_ns, &SimEngine::OnLeaseTimer);
      return;
    }
    c->lease_end_ns = std::max(c->lease_end_ns, lease.end_ns);
  }
  RuleApplied(13);
  scheduler_->Trace(name_, c->config.name, " lease ends");
  c->lease_ended = true;
  if (!c->script_runs) {
    Exit(c, kKilled);
    return;
  }
  Say(c, "lease_ended");
  host_->Poke();
  OnTerm(c);
  const int64_t kill_ns = c->lease_end_ns + c->plan.stop_grace_ms * 1'000'000;
  if (kill_ns <= now) {
    OnKillTimer(c);
  } else {
    ArmAt(c, kill_ns, &SimEngine::OnKillTimer);
  }
}

void SimEngine::OnKillTimer(ContainerPtr c) {
  if (c->script_runs) EndScript(c, SIGKILL, true);
}

void SimEngine::OnTerm(ContainerPtr c) {
  if (!c->script_runs || c->plan.ignores_term) return;
  After(c, scheduler_->random()->Between(absl::Milliseconds(1), absl::Milliseconds(200)),
        &SimEngine::EndByTerm);
}

void SimEngine::EndByTerm(ContainerPtr c) {
  if (c->script_runs) EndScript(c, SIGTERM, true);
}

void SimEngine::EndScript(const ContainerPtr& c, int code, bool signalled) {
  c->script_runs = false;
  checker_->OnScriptEnded(c->job, c->config.name);
  scheduler_->Trace(name_, c->config.name, " script ends with ", signalled ? "signal " : "", code);
  Say(c, absl::StrCat("ended ", signalled ? "signal " : "exit ", code));
  c->exit.exit_code = c->lease_ended ? kKilled : signalled ? 128 + code : code;
  c->poll = kMinPoll;
  After(c, c->NextPoll(), &SimEngine::PollDrained);
  host_->Poke();
}

void SimEngine::PollDrained(ContainerPtr c) {
  if (Unread(c->out) == 0 && Unread(c->err) == 0) {
    Say(c, "drained");
    c->poll = kMinPoll;
    PollHeard(c);
  } else if (c->lease_ended) {
    Exit(c, kKilled);
  } else {
    After(c, c->NextPoll(), &SimEngine::PollDrained);
  }
}

// It leaves only when the agent has read how it ended.
void SimEngine::PollHeard(ContainerPtr c) {
  if (Unread(c->status) == 0 || c->lease_ended) {
    Exit(c, c->exit.exit_code);
  } else {
    After(c, c->NextPoll(), &SimEngine::PollHeard);
  }
}

void SimEngine::Exit(const ContainerPtr& c, int code) {
  if (std::exchange(c->script_runs, false)) checker_->OnScriptEnded(c->job, c->config.name);
  scheduler_->Trace(name_, c->config.name, " exits with ", code);
  c->state = agent::ContainerState::kEnded;
  c->exit.exit_code = code;
  c->out.Reset();
  c->err.Reset();
  c->status.Reset();
  if (!down_) {
    for (const auto& done : std::exchange(c->waiters, {})) done(c->exit);
  }
  host_->Poke();
}

}  // namespace cronium::sim
