// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_SIM_HOST_H_
#define CRONIUM_TESTS_SIM_SIM_HOST_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/network.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/sim_agent.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_engine.h"
#include "tests/sim/sim_journal.h"

namespace cronium::sim {

// One machine: clocks, engine, disk, a way to the controller, and an agent that comes and goes.
class SimHost : public HostTime {
 public:
  // `name` for traces, `node` as in its certificate. `folder` is its disk's; it is emptied.
  SimHost(Scheduler* scheduler, Checker* checker, std::string name, std::string node,
          std::string folder, AgentPeers peers);
  ~SimHost() override;

  const std::string& name() const { return name_; }
  Link* link() { return &link_; }
  SimEngine* engine() { return &engine_; }
  SimAgent* agent() { return agent_.get(); }
  JournalDisk* disk() { return &disk_; }
  bool suspended() const { return suspended_; }

  // ---- HostTime
  void After(absl::Duration delay, std::function<void()> event) override;
  const SimClock& clock() const override { return clock_; }
  void Poke() override;

  // ---- What befalls it.
  void StartAgent();
  void KillAgent();
  void StopAgent(bool stopped);
  // How long an agent may wait for the disk, each time.
  void SetSlow(absl::Duration latency);
  void Suspend(bool suspended);
  // A power cut: what ran is gone, and what was not synced may be. The agent comes with StartAgent.
  void Reboot();
  // The agent's state folder is emptied.
  void Wipe();
  // Of a way to the end of the run: whether anything of an execution is left.
  std::string Leftovers() const;

 private:
  void DamageSpool();
  void OnAgentDied();

  Scheduler* const scheduler_;
  const std::string name_;
  const std::string node_;
  const std::string folder_;
  const AgentPeers peers_;
  SimClock clock_;
  Link link_;
  SimEngine engine_;
  JournalDisk disk_;
  int boots_ = 1;
  int states_ = 1;
  bool suspended_ = false;
  // Whether an agent is to run here: what supervises it starts it again.
  bool wanted_ = false;
  absl::Duration slow_;
  std::vector<std::function<void()>> deferred_;
  std::unique_ptr<SimAgent> agent_;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_SIM_HOST_H_
