// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_PROCESS_AGENT_H_
#define CRONIUM_AGENT_PROCESS_AGENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "agent/execution/manager.h"
#include "agent/logs/log_capture.h"
#include "agent/logs/log_sender.h"
#include "agent/process/options.h"
#include "agent/runtime/container_runtime.h"
#include "agent/session/log_client.h"
#include "agent/session/session_client.h"
#include "common/clock.h"

namespace cronium::agent {

// All parts of the agent, put together:
//
//   SessionClient <--> ExecutionManager --> ContainerRuntime
//                          |     ^
//   LogClient <-- LogSender v     | status lines
//                    ^---- LogCapture
//
// Not thread-safe.
class Agent {
 public:
  // Makes its folders where they are missing, and reads what was held before. Nothing runs yet.
  static absl::StatusOr<std::unique_ptr<Agent>> Create(const AgentOptions& options);
  // The same with an engine other than the one at options.engine_socket.
  static absl::StatusOr<std::unique_ptr<Agent>> Create(const AgentOptions& options,
                                                       std::unique_ptr<ContainerRuntime> runtime);
  ~Agent();

  void Start();
  // Takes no more work, closes the streams, and leaves the containers as they are.
  void Stop();

 private:
  Agent() = default;

  RealClock clock_;
  // Outlives what calls it back.
  std::unique_ptr<ExecutionManager> manager_;
  std::unique_ptr<LogCapture> capture_;
  std::unique_ptr<ContainerRuntime> runtime_;
  std::unique_ptr<LogSender> sender_;
  std::unique_ptr<LogClient> log_client_;
  std::unique_ptr<SessionClient> session_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_PROCESS_AGENT_H_
