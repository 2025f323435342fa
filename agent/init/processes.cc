// SPDX-License-Identifier: Apache-2.0
#include "agent/init/processes.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "agent/init/unique_fd.h"

namespace cronium::agent::init {
namespace {

bool KillChildren() {
  const UniqueFd fd(open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC));
  bool any = false;
  pid_t pid = 0;
  char buffer[4096];
  ssize_t length = 0;
  while (fd.ok() && (length = read(fd.get(), buffer, sizeof(buffer))) > 0) {
    // Numbers, each followed by a space; one may straddle two reads.
    for (ssize_t i = 0; i < length; ++i) {
      if (buffer[i] >= '0' && buffer[i] <= '9') {
        pid = pid * 10 + (buffer[i] - '0');
        continue;
      }
      if (pid > 1) any |= kill(pid, SIGKILL) == 0;
      pid = 0;
    }
  }
  return any;
}

}  // namespace

void AdoptOrphans() {
  if (getpid() != 1) prctl(PR_SET_CHILD_SUBREAPER, 1);
}

bool KillOthers() { return getpid() == 1 ? kill(-1, SIGKILL) == 0 : KillChildren(); }

}  // namespace cronium::agent::init
