// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_GATEWAY_PROCESS_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_GATEWAY_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/bench/programs/child_process.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {

// A cronium-runtime-gateway of our own, as a node's: a child process that speaks mutual TLS to the
// controller.
class GatewayProcess {
 public:
  // program: path of cronium-runtime-gateway. parent_dir: where a folder for its socket, keys and
  // log is made; it is removed with the object. flags: more of the command line.
  static absl::StatusOr<std::unique_ptr<GatewayProcess>> Start(
      const std::string& program, const std::string& parent_dir, const Target& target,
      const std::string& node, const std::vector<std::string>& flags);

  // Path of its socket.
  const std::string& socket() const { return socket_; }
  pid_t pid() const { return child_->pid(); }
  absl::Status Stop() { return child_->Stop(); }

 private:
  GatewayProcess() = default;

  std::unique_ptr<TemporaryFolder> folder_;
  std::string socket_;
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_GATEWAY_PROCESS_H_
