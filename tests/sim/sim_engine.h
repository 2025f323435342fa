// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_SIM_ENGINE_H_
#define CRONIUM_TESTS_SIM_SIM_ENGINE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/runtime/container_runtime.h"
#include "common/file.h"
#include "tests/sim/checker.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/sim_clock.h"

namespace cronium::sim {

// What a simulated script does: its text, as it stands in the run folder, says so.
struct ScriptPlan {
  int lines = 10;
  int line_bytes = 30;
  int64_t period_us = 100'000;
  int exit_code = 0;
  bool ignores_term = false;
  int64_t stop_grace_ms = 1000;

  std::string Text() const;
  static ScriptPlan Parse(const std::string& text);
};

// What a host lends its containers: time that stands still while it is suspended.
class HostTime {
 public:
  virtual ~HostTime() = default;
  // Not while the host is suspended, and not after a reboot.
  virtual void After(absl::Duration delay, std::function<void()> event) = 0;
  virtual const SimClock& clock() const = 0;
  // Something happened that an agent of the host may see.
  virtual void Poke() = 0;
};

// A host's container engine, and cronium-init in its containers: real FIFOs and lease files, and
// processes that are only played.
class SimEngine {
 public:
  SimEngine(Scheduler* scheduler, Checker* checker, HostTime* host, std::string name)
      : scheduler_(scheduler), checker_(checker), host_(host), name_(std::move(name)) {}

  // ---- What a runtime asks. As ContainerRuntime says.
  absl::StatusOr<std::string> Create(const agent::ContainerConfig& config);
  // docs/protocol.md P39: nobody asks twice. Start carries it out.
  void StartAsked(const std::string& id);
  absl::Status Start(const std::string& id);
  // Calls done once it has ended, or why that is not to be known.
  void Wait(const std::string& container,
            std::function<void(absl::StatusOr<agent::ExitInfo>)> done);
  absl::Status Kill(const std::string& container, int signal);
  absl::Status Remove(const std::string& container);
  std::vector<agent::ContainerInfo> List(const std::map<std::string, std::string>& labels) const;
  void ForgetWaiters();

  // ---- What befalls it.
  bool down() const { return down_; }
  // Ends what runs: an engine without live restore.
  void GoDown();
  void ComeBack();
  void OnReboot();
  void Freeze(bool frozen);

 private:
  struct Container;
  using ContainerPtr = std::shared_ptr<Container>;

  // By name or id.
  ContainerPtr Find(const std::string& container) const;
  void After(const ContainerPtr& c, absl::Duration delay, void (SimEngine::*step)(ContainerPtr));
  void StartInit(const ContainerPtr& c);
  void WriteLine(ContainerPtr c);
  void OnLeaseTimer(ContainerPtr c);
  void OnKillTimer(ContainerPtr c);
  void OnTerm(ContainerPtr c);
  void EndByTerm(ContainerPtr c);
  void PollDrained(ContainerPtr c);
  void PollHeard(ContainerPtr c);
  void EndScript(const ContainerPtr& c, int code, bool signalled);
  void Exit(const ContainerPtr& c, int code);
  static void Say(const ContainerPtr& c, const std::string& line);
  void ArmAt(const ContainerPtr& c, int64_t boottime_ns, void (SimEngine::*step)(ContainerPtr));

  Scheduler* const scheduler_;
  Checker* const checker_;
  HostTime* const host_;
  const std::string name_;
  std::map<std::string, ContainerPtr> containers_;
  // Ids of containers.
  std::set<std::string> starts_asked_;
  int next_id_ = 1;
  bool down_ = false;
  bool frozen_ = false;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_SIM_ENGINE_H_
