// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_AGENT_EXECUTION_FAKE_INIT_H_
#define CRONIUM_TESTS_AGENT_EXECUTION_FAKE_INIT_H_

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/runtime/fake_runtime.h"
#include "common/file.h"
#include "common/mutex.h"

namespace cronium::agent {

// Plays cronium-init and the job in the containers of a FakeRuntime: opens the FIFOs of the run
// folder as cronium-init does, and says what it says. Outlives a restart of the agent, as
// containers do. Thread-safe.
class FakeInit {
 public:
  // From now on plays in the containers that this runtime starts.
  void Attach(FakeRuntime* runtime);

  // The job writes to its stdout; waits while that is full.
  void Print(const std::string& id, absl::string_view text);
  // A line of the status FIFO.
  void Say(const std::string& id, absl::string_view line);
  // The script exits, and cronium-init waits until its output is read. The container is still
  // there.
  void EndScript(const std::string& id, int exit_code);
  // EndScript, and the container ends too.
  void End(const std::string& id, int exit_code);

 private:
  struct Job {
    std::string folder;
    UniqueFd out, err, status;
  };

  void Start(const ContainerConfig& config);
  Job* Find(const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar started_;
  FakeRuntime* runtime_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::map<std::string, Job> jobs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::agent

#endif  // CRONIUM_TESTS_AGENT_EXECUTION_FAKE_INIT_H_
