// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/played_init.h"

#include <sys/wait.h>

#include <ctime>

#include "agent/init/fifo.h"

namespace cronium::bench {
namespace {

// As cronium-init while it drains.
constexpr int64_t kLeastPauseNs = 1'000'000;
constexpr int64_t kLongestPauseNs = 20'000'000;

void WaitUntilRead(const agent::init::UniqueFd& fifo) {
  int64_t pause_ns = kLeastPauseNs;
  while (agent::init::BytesInFifo(fifo) > 0) {
    const timespec pause = {.tv_sec = 0, .tv_nsec = static_cast<long>(pause_ns)};
    nanosleep(&pause, nullptr);
    if (pause_ns < kLongestPauseNs) pause_ns *= 2;
  }
}

}  // namespace

std::string PlayedInit::Open(const std::string& job_dir) {
  std::string error = agent::init::OpenFifo(job_dir + "/stderr", 0, &stderr_);
  if (error.empty()) error = status_.Open(job_dir + "/status");
  if (error.empty()) error = agent::init::OpenFifo(job_dir + "/stdout", 0, &stdout_);
  return error;
}

void PlayedInit::Started() {
  status_.Starting();
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  status_.Started(now.tv_sec * 1'000'000'000LL + now.tv_nsec);
}

void PlayedInit::EndedAndRead(int exit_code) {
  status_.Ended(W_EXITCODE(exit_code, 0));
  WaitUntilRead(stdout_);
  status_.Drained();
  WaitUntilRead(status_.fifo());
}

}  // namespace cronium::bench
