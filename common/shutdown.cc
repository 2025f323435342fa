// SPDX-License-Identifier: Apache-2.0
#include "common/shutdown.h"

#include <signal.h>
#include <unistd.h>

namespace cronium {
namespace {

sigset_t ShutdownSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void BlockShutdownSignals() {
  signal(SIGPIPE, SIG_IGN);
  const sigset_t set = ShutdownSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int WaitForShutdownSignal() {
  const sigset_t set = ShutdownSignals();
  int received = 0;
  while (sigwait(&set, &received) != 0) {
  }
  const auto exit_now = [](int) { _exit(130); };
  signal(SIGTERM, exit_now);
  signal(SIGINT, exit_now);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  return received;
}

}  // namespace cronium
