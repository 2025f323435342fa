// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_SIM_AGENT_H_
#define CRONIUM_TESTS_SIM_SIM_AGENT_H_

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/execution/manager.h"
#include "agent/logs/log_capture.h"
#include "agent/logs/log_sender.h"
#include "agent/session/log_client.h"
#include "agent/session/session_client.h"
#include "tests/sim/network.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/sim_engine.h"
#include "tests/sim/sim_journal.h"
#include "tests/sim/sim_runtime.h"

namespace cronium::sim {

using SessionCall = Call<v1::SessionRequest, v1::SessionResponse>;
using LogCall = Call<v1::UploadLogsRequest, v1::UploadLogsResponse>;

// Who answers at the other end of a host's link, by the name in the caller's certificate.
struct AgentPeers {
  std::function<std::shared_ptr<SessionCall::End>(const std::string& node,
                                                  std::shared_ptr<SessionCall>)>
      session;
  std::function<std::shared_ptr<LogCall::End>(const std::string& node, std::shared_ptr<LogCall>)>
      log;
};

struct AgentSetup {
  std::string node;
  std::string boot_id;
  std::string new_state_id;
  std::string folder;
  AgentPeers peers;
  // It has died at a point that came by.
  std::function<void()> on_died;
};

// One life of the agent's process: its real parts, put together as agent/process does, on threads
// that are turns of the scheduler.
class SimAgent {
 public:
  SimAgent(Scheduler* scheduler, HostTime* host, Link* link, SimEngine* engine, JournalDisk* disk,
           AgentSetup setup);
  // As SIGKILL.
  ~SimAgent();

  // Whether an agent has its turn: it can die at a point that comes by (throw Killed).
  static bool at_work() { return at_work_; }

  // Something of a container's may be there.
  void OnHostEvent();
  // SIGSTOP and SIGCONT.
  void SetStopped(bool stopped);
  // How long the manager, and the capture of logs, may wait for their disk, each time.
  void SetSlow(absl::Duration latency) { slow_ = latency; }

 private:
  // Something may have come in.
  void Kick();
  void Round();
  bool ManagerTurn();
  bool TurnOf(int part);
  bool WaitsForDisk(int part);
  void ScheduleWake();
  template <typename Stream>
  typename Stream::Callbacks Kicking(typename Stream::Callbacks callbacks);

  static bool at_work_;

  Scheduler* const scheduler_;
  HostTime* const host_;
  Link* const link_;
  const AgentSetup setup_;
  // Gone with this object: what is on its way to it then does nothing.
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::vector<std::weak_ptr<CallBase>> calls_;

  std::unique_ptr<agent::ExecutionManager> manager_;
  std::unique_ptr<agent::LogCapture> capture_;
  std::unique_ptr<SimRuntime> runtime_;
  std::unique_ptr<agent::LogSender> sender_;
  std::unique_ptr<agent::LogClient> log_client_;
  std::unique_ptr<agent::SessionClient> session_;

  bool begun_ = false;
  bool stopped_ = false;
  bool round_due_ = false;
  // There may be something for the capture of logs.
  bool capture_due_ = true;
  absl::Duration wake_at_ = absl::InfiniteDuration();
  absl::Duration slow_;
  // Of each part: it waits for the disk.
  std::array<absl::Duration, 4> busy_until_;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_SIM_AGENT_H_
