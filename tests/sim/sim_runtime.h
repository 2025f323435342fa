// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_SIM_RUNTIME_H_
#define CRONIUM_TESTS_SIM_SIM_RUNTIME_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "agent/runtime/container_runtime.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/sim_engine.h"

namespace cronium::sim {

// An agent's connection to its host's engine: calls take their time, fail while the engine is away,
// and sometimes are answered with a timeout and take effect later.
class SimRuntime : public agent::ContainerRuntime {
 public:
  // `answered` is called after each answer.
  SimRuntime(Scheduler* scheduler, HostTime* host, SimEngine* engine,
             std::function<void()> answered)
      : scheduler_(scheduler), host_(host), engine_(engine), answered_(std::move(answered)) {}

  agent::CallId PrepareImage(const std::string& image, ProgressFn progress, Done done) override;
  void Create(const agent::ContainerConfig& config, CreateDone done) override;
  void Start(const std::string& name, Done done) override;
  agent::CallId Wait(const std::string& name, WaitDone done) override;
  void Kill(const std::string& name, int signal, Done done) override;
  void Remove(const std::string& name, bool force, Done done) override;
  void ListOurs(const std::map<std::string, std::string>& labels, ListDone done) override;
  void Ping(PingDone done) override;
  void Cancel(agent::CallId call) override;

 private:
  // Carries out `effect` and gives its answer, or a failure of the engine.
  template <typename Answer>
  void Ask(std::function<Answer()> effect, std::function<void(Answer)> done);

  Scheduler* const scheduler_;
  HostTime* const host_;
  SimEngine* const engine_;
  const std::function<void()> answered_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  agent::CallId next_call_ = 1;
  std::map<agent::CallId, WaitDone> waits_;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_SIM_RUNTIME_H_
