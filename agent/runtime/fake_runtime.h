// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_RUNTIME_FAKE_RUNTIME_H_
#define CRONIUM_AGENT_RUNTIME_FAKE_RUNTIME_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/runtime/container_runtime.h"
#include "common/mutex.h"

namespace cronium::agent {

// What a FakeRuntime talks to: images and containers that outlive it, as a real engine's outlive
// the agent. Thread-safe.
class FakeEngine;

// A runtime in memory, for tests: containers that run until they are told to exit, signals that end
// them, failures on demand. Keeps the whole contract of ContainerRuntime, its own callback thread
// included.
//
//   FakeRuntime runtime;
//   runtime.AddImage("bash");
//   ... the code under test creates and starts exec_1 ...
//   runtime.AwaitState("exec_1", ContainerState::kRunning);
//   runtime.Exit("exec_1", {.exit_code = 3});
//
// What a restarted agent finds: make a second one on the first one's engine().
// Thread-safe.
class FakeRuntime : public ContainerRuntime {
 public:
  enum class Method { kPrepareImage, kCreate, kStart, kWait, kKill, kRemove, kListOurs, kPing };

  FakeRuntime();
  explicit FakeRuntime(std::shared_ptr<FakeEngine> engine);
  ~FakeRuntime() override;
  std::shared_ptr<FakeEngine> engine() const { return engine_; }

  // --- What the test does
  // --------------------------------------------------------------------------------------------------

  // On the host from now on.
  void AddImage(const std::string& image);
  // At the registry: PrepareImage finds it there.
  void AddRemoteImage(const std::string& image);

  // The next `times` calls of the method answer with the status and do nothing.
  void FailNext(Method method, absl::Status status, int times = 1);
  // Calls of the method are not answered, nor carried out, until Release.
  void Hold(Method method);
  void Release(Method method);
  // Called on the runtime's thread when a container has started, before Start is answered.
  void OnStart(std::function<void(const ContainerConfig&)> on_start);
  // By default a container ends with 128 + n at signal n = TERM, INT, KILL. With false only KILL
  // ends it.
  void SetSignalsEnd(bool signals_end);

  // Ends a running container. False where none of that name runs.
  bool Exit(const std::string& name, ExitInfo exit);

  // --- What the test sees
  // --------------------------------------------------------------------------------------------------

  // Nothing where there is none.
  std::optional<ContainerState> State(const std::string& name) const;
  std::optional<ContainerConfig> Config(const std::string& name) const;
  // Waits until the container is in the state (nothing: is gone). False after 30 s, which no
  // passing test waits for.
  bool AwaitState(const std::string& name, std::optional<ContainerState> state);
  // Waits until a call like this, for example "kill exec_1 15", is being carried out.
  bool AwaitCall(const std::string& call);
  // "create exec_1", "start exec_1", "kill exec_1 15", "remove exec_1", ... in the order in which
  // they were carried out; with the container's name, also where its id was given.
  std::vector<std::string> Calls() const;

  // --- ContainerRuntime
  // ----------------------------------------------------------------------------------------------------

  CallId PrepareImage(const std::string& image, ProgressFn progress, Done done) override;
  void Create(const ContainerConfig& config, CreateDone done) override;
  void Start(const std::string& container, Done done) override;
  CallId Wait(const std::string& container, WaitDone done) override;
  void Kill(const std::string& container, int signal, Done done) override;
  void Remove(const std::string& container, bool force, Done done) override;
  void ListOurs(const std::map<std::string, std::string>& labels, ListDone done) override;
  void Ping(PingDone done) override;
  void Cancel(CallId call) override;

 private:
  friend class FakeEngine;
  // A call that is not carried out yet.
  struct Call {
    CallId id;
    Method method;
    std::string text;
    // Carries it out; on the runtime's thread, without the lock.
    std::function<void()> run;
    std::function<void(absl::Status)> fail;
  };

  CallId Enqueue(Method method, std::string text, std::function<void()> run,
                 std::function<void(absl::Status)> fail);
  void Run();
  // The container's, or what was asked for where there is none.
  std::string NameOf(const std::string& container);
  // The first call whose method is not held; nothing where there is none.
  bool TakeCall(Call* call, absl::Status* failure);

  const std::shared_ptr<FakeEngine> engine_;
  // All guarded by the engine's mutex, so that one wait can be for either.
  std::deque<Call> calls_;
  std::deque<std::function<void()>> answers_;
  std::vector<std::string> begun_calls_;
  std::set<Method> held_;
  std::map<Method, std::deque<absl::Status>> failures_;
  std::function<void(const ContainerConfig&)> on_start_;
  bool signals_end_ = true;
  bool stopping_ = false;
  CallId next_call_ = 1;

  std::thread thread_;
};

class FakeEngine {
 private:
  friend class FakeRuntime;
  struct Container {
    std::string id;
    ContainerConfig config;
    ContainerState state = ContainerState::kCreated;
    ExitInfo exit;
  };
  struct Waiter {
    FakeRuntime* runtime;
    CallId call;
    std::string name;
    ContainerRuntime::WaitDone done;
  };

  // By name or id.
  std::map<std::string, Container>::iterator Find(const std::string& container)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends a running container and answers who waits for it.
  bool End(const std::string& name, ExitInfo exit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar changed_;
  std::set<std::string> images_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> remote_images_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Container> containers_ ABSL_GUARDED_BY(mutex_);
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
  int next_id_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_RUNTIME_FAKE_RUNTIME_H_
