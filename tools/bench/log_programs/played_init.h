// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_PLAYED_INIT_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_PLAYED_INIT_H_

#include <string>

#include "agent/init/status.h"
#include "agent/init/unique_fd.h"

namespace cronium::bench {

// What cronium-init does for the log of a job, without a container and in the job's own process:
// holds the FIFOs, says on `status` what becomes of the job, and stays until all was read.
// Not thread-safe.
class PlayedInit {
 public:
  // An empty result is success; else it says what is wrong with the folder.
  std::string Open(const std::string& job_dir);

  int stdout_fd() const { return stdout_.get(); }
  void Started();
  // The job ended with this exit code. Returns once output and status were read.
  void EndedAndRead(int exit_code);

 private:
  agent::init::UniqueFd stdout_;
  agent::init::UniqueFd stderr_;
  agent::init::StatusWriter status_;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_PLAYED_INIT_H_
