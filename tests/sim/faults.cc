// SPDX-License-Identifier: Apache-2.0
// What goes wrong in the world, and how it is mended.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace cronium::sim {
namespace {

// One of these begins about this often, in a bad seed; a calm one has a tenth of them.
constexpr absl::Duration kBetweenFaults = absl::Seconds(4);
// A connection whose peer does not answer is given up after this, mostly (keepalive).
constexpr absl::Duration kKeepalive = absl::Seconds(15);
constexpr uint64_t kKinds = 14;

}  // namespace

SimHost* World::AnyHost() { return hosts_[random()->Below(hosts_.size())].get(); }

void World::PlanFaults() {
  const double pace = random()->Chance(0.2) ? 0.1 : random()->Unit() + 0.2;
  // Each seed has its favourites, so that some see many of one kind.
  std::vector<int> kinds;
  for (int i = 0; i < 6; ++i) kinds.push_back(static_cast<int>(random()->Below(kKinds)));
  absl::Duration time;
  while (true) {
    time += kBetweenFaults / pace * (random()->Unit() * 2);
    if (time >= fault_end_) break;
    const int kind = random()->Chance(0.6) ? kinds[random()->Below(kinds.size())]
                                           : static_cast<int>(random()->Below(kKinds));
    scheduler_.At(time, [this, kind] {
      if (faulty()) Fault(kind);
    });
  }
}

void World::Fault(int kind) {
  switch (kind) {
    case 0:
      return ControllerFault();
    case 1:
      return ClockFault();
    case 2:
      return DiskFault();
    case 3:
      return AgentKill(AnyHost());
    case 4:
      return AgentStop(AnyHost());
    case 5:
      return CutLink(AnyHost());
    case 6:
      return AnyHost()->link()->BreakCalls();
    case 7:
      return RebootHost(AnyHost());
    case 8:
      return SuspendHost(AnyHost());
    case 9:
      return EngineFault(AnyHost());
    case 10:
      return ContainerFault(AnyHost());
    case 11:
      return no_proof_ ? (random()->Chance(0.5) ? WipeHost(AnyHost()) : Impostor())
                       : CutLink(AnyHost());
    case 12:
      return LogFault(AnyHost());
    default:
      return AgentDiskFault(AnyHost());
  }
}

void World::ControllerFault() {
  CrashController();
  const absl::Duration away = random()->Chance(0.8)
                                  ? random()->Between(absl::Milliseconds(50), absl::Seconds(5))
                                  : random()->Between(absl::Seconds(5), absl::Seconds(90));
  scheduler_.After(away, [this] { StartController(); });
}

void World::ClockFault() {
  const absl::Duration by = random()->Between(absl::Seconds(-600), absl::Seconds(600));
  scheduler_.Trace("controller", "its wall clock is set by ", absl::FormatDuration(by));
  clock_.SetWall(by);
  for (const auto& watcher : watchers_) watcher->OnClockSet();
}

void World::DiskFault() {
  SimDisk* disk = random()->Chance(0.5) ? &commits_ : &log_files_;
  disk->SetSlow(random()->Between(absl::Milliseconds(100), absl::Seconds(8)));
  scheduler_.After(random()->Between(absl::Seconds(1), absl::Seconds(20)),
                   [disk] { disk->SetSlow(absl::Milliseconds(3)); });
}

void World::AgentKill(SimHost* host) {
  host->KillAgent();
  const absl::Duration away = random()->Chance(0.8)
                                  ? random()->Between(absl::Milliseconds(100), absl::Seconds(8))
                                  : random()->Between(absl::Seconds(8), absl::Seconds(80));
  scheduler_.After(away, [host] { host->StartAgent(); });
}

void World::AgentStop(SimHost* host) {
  host->StopAgent(true);
  scheduler_.After(random()->Between(absl::Seconds(1), absl::Seconds(80)),
                   [host] { host->StopAgent(false); });
}

void World::CutLink(SimHost* host) {
  const uint64_t how = random()->Below(3);
  const bool up = how != 1;
  const bool down = how != 0;
  scheduler_.Trace(host->name(), "its link is cut", up ? " up" : "", down ? " down" : "");
  host->link()->Cut(up, down);
  const absl::Duration until = random()->Between(absl::Seconds(1), absl::Seconds(90));
  const bool kept = random()->Chance(0.3);
  const absl::Duration keepalive = kKeepalive + random()->Between(absl::ZeroDuration(), kKeepalive);
  if (!kept && keepalive < until) {
    scheduler_.After(keepalive, [host] { host->link()->BreakCalls(); });
  }
  scheduler_.After(until, [this, host] {
    scheduler_.Trace(host->name(), "its link is whole again");
    host->link()->Cut(false, false);
  });
}

void World::RebootHost(SimHost* host) {
  // The other ends of its connections hear nothing.
  host->link()->BreakCalls();
  host->Reboot();
  scheduler_.After(random()->Between(absl::Seconds(1), absl::Seconds(30)),
                   [host] { host->StartAgent(); });
}

void World::SuspendHost(SimHost* host) {
  host->Suspend(true);
  scheduler_.After(random()->Between(absl::Seconds(2), absl::Seconds(120)),
                   [host] { host->Suspend(false); });
}

void World::EngineFault(SimHost* host) {
  host->engine()->GoDown();
  scheduler_.After(random()->Between(absl::Seconds(1), absl::Seconds(25)),
                   [host] { host->engine()->ComeBack(); });
}

void World::ContainerFault(SimHost* host) {
  if (host->engine()->down()) return;
  const std::vector<agent::ContainerInfo> containers = host->engine()->List({});
  if (containers.empty()) return;
  const std::string& name = containers[random()->Below(containers.size())].name;
  if (random()->Chance(0.5)) {
    scheduler_.Trace(host->name(), name, " is removed by hand");
    (void)host->engine()->Remove(name);
  } else {
    scheduler_.Trace(host->name(), name, " is killed by hand");
    (void)host->engine()->Kill(name, 9);
  }
}

void World::WipeHost(SimHost* host) {
  host->Wipe();
  scheduler_.After(random()->Between(absl::Seconds(1), absl::Seconds(30)),
                   [host] { host->StartAgent(); });
}

void World::AgentDiskFault(SimHost* host) {
  if (random()->Chance(0.5)) return AgentSlow(host);
  host->disk()->fail_chance = 0.8;
  scheduler_.After(random()->Between(absl::Seconds(1), absl::Seconds(20)),
                   [host] { host->disk()->fail_chance = 0; });
}

void World::AgentSlow(SimHost* host) {
  host->SetSlow(random()->Between(absl::Milliseconds(50), absl::Seconds(4)));
  scheduler_.After(random()->Between(absl::Seconds(1), absl::Seconds(20)),
                   [host] { host->SetSlow(absl::ZeroDuration()); });
}

// Reports arrive and the logs do not: the two are different connections.
void World::LogFault(SimHost* host) {
  scheduler_.Trace(host->name(), "its log connection is stuck");
  host->link()->CutLog(true);
  scheduler_.After(random()->Between(absl::Seconds(1), absl::Seconds(60)), [this, host] {
    scheduler_.Trace(host->name(), "its log connection goes on");
    host->link()->CutLog(false);
  });
}

// An end was reported and its log is still under way: what breaks now finds most.
void World::AimAtEnd(const v1::Execution& execution) {
  if (execution.state() != v1::EXECUTION_STATE_FINALIZING || !faulty()) return;
  if (!random()->Chance(aim_chance_)) return;
  const auto it = std::find_if(hosts_.begin(), hosts_.end(),
                               [&](const auto& h) { return h->name() == execution.node(); });
  if (it == hosts_.end()) return;
  SimHost* host = it->get();
  const uint64_t how = random()->Below(4);
  scheduler_.After(random()->Between(absl::ZeroDuration(), absl::Microseconds(300)),
                   [this, host, how] {
                     if (!faulty()) return;
                     if (how == 0) return RebootHost(host);
                     // Or the answer is not heard, so that the report comes again, late.
                     if (how == 1) {
                       AgentKill(host);
                     } else {
                       host->link()->BreakCalls();
                     }
                     AgentSlow(host);
                   });
}

// For a while two agents have one name.
void World::Impostor() {
  impostor_->StartAgent();
  scheduler_.After(random()->Between(absl::Seconds(5), absl::Seconds(60)),
                   [this] { impostor_->KillAgent(); });
}

void World::Heal() {
  scheduler_.Trace("world", "all is mended");
  kill_chance_ = 0;
  commits_.SetCrash(0, nullptr);
  log_files_.SetCrash(0, nullptr);
  commits_.SetSlow(absl::Milliseconds(3));
  log_files_.SetSlow(absl::Milliseconds(3));
  StartController();
  if (impostor_ != nullptr) impostor_->KillAgent();
  for (const auto& host : hosts_) {
    host->disk()->kill_chance = 0;
    host->disk()->fail_chance = 0;
    host->Suspend(false);
    if (host->engine()->down()) host->engine()->ComeBack();
    host->link()->Cut(false, false);
    host->link()->CutLog(false);
    host->StartAgent();
    host->SetSlow(absl::ZeroDuration());
    host->agent()->SetStopped(false);
  }
}

}  // namespace cronium::sim
