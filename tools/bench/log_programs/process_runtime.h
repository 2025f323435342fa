// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_PROCESS_RUNTIME_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_PROCESS_RUNTIME_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/runtime/container_runtime.h"
#include "common/file.h"
#include "common/mutex.h"

namespace cronium::bench {

// An engine whose containers are processes of this host without any isolation, so that what is
// measured is the agent and not an engine. Each runs
//
//   <program> --job-dir <host folder of the job> <the script's arguments>
//
// and is to do what cronium-init does with the FIFOs in that folder. Every image is there. A
// process ends with the runtime, unlike a container.
//
// One thread carries everything out in the order of the calls, and sees the processes end.
// Thread-safe.
class ProcessRuntime : public agent::ContainerRuntime {
 public:
  static absl::StatusOr<std::unique_ptr<ProcessRuntime>> Create(std::string program);
  ~ProcessRuntime() override;

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
  struct Container {
    agent::ContainerConfig config;
    agent::ContainerState state = agent::ContainerState::kCreated;
    // While it runs.
    pid_t pid = -1;
    UniqueFd pid_fd;
    agent::ExitInfo exit;
    std::map<agent::CallId, WaitDone> waiters;
  };

  ProcessRuntime(std::string program, UniqueFd wake)
      : program_(std::move(program)), wake_(std::move(wake)) {}

  agent::CallId Post(std::function<void(agent::CallId)> task);

  // All below is on the runtime's thread.
  void Run();
  // False once the runtime is being destroyed and nothing is left to do.
  bool CarryOut();
  void WaitForNews();
  absl::Status Begin(Container* container);
  // Takes the exit of one that has ended, waiting for it, and answers who waits.
  void Reap(Container* container);
  Container* Find(const std::string& name);

  const std::string program_;
  const UniqueFd wake_;
  std::map<std::string, Container> containers_;

  Mutex mutex_;
  std::vector<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  agent::CallId last_call_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_PROCESS_RUNTIME_H_
