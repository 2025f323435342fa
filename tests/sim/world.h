// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_WORLD_H_
#define CRONIUM_TESTS_SIM_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/ids.h"
#include "controller/api/job_feed.h"
#include "controller/auth/execution_tokens.h"
#include "tests/sim/checker.h"
#include "tests/sim/follower.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/sim_controller.h"
#include "tests/sim/sim_host.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/watcher.h"

namespace cronium::sim {

// A defect that is put into the code on purpose; the simulation must find each.
enum class Bug {
  kNone,
  kAnswerBeforeCommit,
  kLeaseWrongWayRound,
  kSeamOffByOne,
  kReplayedReport,
  kSessionNotFenced,
  kTerminalBeforeLog,
};

struct WorldOptions {
  uint64_t seed = 1;
  bool trace = false;
  Bug bug = Bug::kNone;
  // For the hosts' disks; tmpfs, for speed. Emptied.
  std::string folder;
  const controller::ExecutionTokens* tokens = nullptr;
};

// A cluster, its callers, and everything that goes wrong: all of it follows from the seed. For a
// while things break at random; then all is mended, and within a time every job must have ended and
// nothing be left of any. Throws Violation.
class World {
 public:
  explicit World(const WorldOptions& options);
  ~World();

  void Run();

  uint64_t fingerprint() const { return scheduler_.fingerprint(); }
  uint64_t events() const { return scheduler_.count(); }
  size_t jobs() const { return checker_.jobs(); }
  absl::Duration time() const { return scheduler_.now(); }

 private:
  struct Caller;

  void MakeHosts();
  std::string Leftovers() const;
  bool IsQuiet() const;
  void StartController();
  void CrashController();
  AgentPeers Peers();
  bool PointReached(absl::string_view name);
  double KillChanceAt(absl::string_view point);

  void PlanJobs();
  v1::JobSpec RandomSpec();
  void Submit(const std::shared_ptr<Caller>& caller);
  void Cancel(const std::string& job_id);
  void LookAt(const std::string& job_id);
  void ConnectReaders();
  bool IsLookedAt(const std::string& job_id) const;
  void Collect();

  void PlanFaults();
  void Fault(int kind);
  void ControllerFault();
  void ClockFault();
  void DiskFault();
  void AgentKill(SimHost* host);
  void AgentStop(SimHost* host);
  void CutLink(SimHost* host);
  void RebootHost(SimHost* host);
  void SuspendHost(SimHost* host);
  void EngineFault(SimHost* host);
  void ContainerFault(SimHost* host);
  void WipeHost(SimHost* host);
  void AgentDiskFault(SimHost* host);
  void AgentSlow(SimHost* host);
  void LogFault(SimHost* host);
  void AimAtEnd(const v1::Execution& execution);
  void Impostor();
  void Heal();

  SimHost* AnyHost();
  Random* random() { return scheduler_.random(); }
  // Within the time of faults.
  bool faulty() const { return scheduler_.now() < fault_end_; }

  const WorldOptions options_;
  Scheduler scheduler_;
  Checker checker_;
  SimStore store_;
  SimLogs logs_;
  SimDisk commits_;
  SimDisk log_files_;
  SimClock clock_;
  CountingIdSource ids_;
  ControllerMachine machine_;
  std::unique_ptr<SimController> controller_;
  // Of this controller's life.
  std::unique_ptr<controller::JobFeed> feed_;
  std::vector<std::unique_ptr<SimHost>> hosts_;
  std::vector<std::unique_ptr<Follower>> followers_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  // Whose callers have heard of them, so that they ask for them no more.
  std::set<std::string> answered_;
  int64_t unanswered_ = 0;
  // Another host with the first one's certificate; null where this seed has none.
  std::unique_ptr<SimHost> impostor_;
  absl::Duration fault_end_;
  // Whether jobs may be lost track of without proof, so that none may be kept.
  bool no_proof_ = false;
  // Of a process, where it persists something.
  double kill_chance_ = 0;
  // The same at each point of the agent's that has come by.
  std::map<std::string, double, std::less<>> point_chances_;
  // That the agent or its host fails right when an end has been reported.
  double aim_chance_ = 0;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_WORLD_H_
