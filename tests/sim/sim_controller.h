// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_SIM_CONTROLLER_H_
#define CRONIUM_TESTS_SIM_SIM_CONTROLLER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.h"
#include "controller/api/log_intake.h"
#include "controller/api/session_intake.h"
#include "controller/auth/execution_tokens.h"
#include "controller/auth/live_executions.h"
#include "controller/core/core.h"
#include "controller/core/core_driver.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/sim_agent.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_store.h"

namespace cronium::sim {

// What outlives a controller's process.
struct ControllerMachine {
  Scheduler* scheduler;
  SimClock* clock;
  SimStore* store;
  SimLogs* logs;
  SimDisk* commits;
  SimDisk* log_files;
  const controller::ExecutionTokens* tokens;
  IdSource* ids;
  controller::CoreOptions options;
  bool answer_early = false;
};

// One life of the controller's process: its real core, driver, hub and intakes.
class SimController : public controller::CoreEffects {
 public:
  using AnswerCallback = std::function<void(absl::StatusOr<v1::Job>)>;

  explicit SimController(const ControllerMachine& machine);
  // As SIGKILL.
  ~SimController() override;

  void Post(controller::InputMessage message, AnswerCallback done = nullptr);
  std::shared_ptr<SessionCall::End> AcceptSession(const std::string& node,
                                                  const std::shared_ptr<SessionCall>& call);
  std::shared_ptr<LogCall::End> AcceptLog(const std::string& node,
                                          const std::shared_ptr<LogCall>& call);
  // Jobs as they become durable and are told to watchers.
  void SetWatcher(std::function<void(const v1::Job&)> watcher) { watcher_ = std::move(watcher); }

 private:
  class Session;
  class Upload;

  // CoreEffects:
  void OnExecution(const controller::ExecutionChange& change) override;
  void OnJob(const v1::Job& job) override;
  void OnSend(const controller::Send& send) override;
  void OnEndSession(const controller::EndSession& end) override;
  // No job of the simulation is an HTTP call.
  void OnHttp(const controller::HttpCommand&) override {}

  void ScheduleTurn(absl::Duration delay);
  void ScheduleDue();
  void Turn();
  void Handle(std::vector<controller::Input> inputs);
  void HandleStale(controller::Input input);
  bool IsStale(const controller::InputMessage& message);
  void Append(const controller::LogKey& key, std::vector<v1::LogChunk> chunks,
              controller::LogStore::AppendCallback done);

  const ControllerMachine machine_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::vector<std::weak_ptr<CallBase>> calls_;
  controller::LiveExecutions live_;
  controller::SessionHub hub_;
  controller::Core core_;
  controller::CoreDriver driver_;
  std::function<void(const v1::Job&)> watcher_;
  std::vector<controller::Input> mailbox_;
  std::map<controller::Ticket, AnswerCallback> waiting_;
  controller::Ticket next_ticket_ = 1;
  // The connection that speaks for each node, as the core has been told.
  std::map<std::string, uint64_t> newest_;
  bool turn_due_ = false;
  absl::Duration wake_at_ = absl::InfiniteDuration();
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_SIM_CONTROLLER_H_
