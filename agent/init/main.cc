// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "agent/init/options.h"
#include "agent/init/supervisor.h"

namespace {

// What a shell exits with when a command cannot be run.
constexpr int kCannotStart = 126;

// Descriptors 0 to 2 must be taken, or what is opened next would take their place and be handed to
// the job; and what else a runtime left open (a folder of the host has been among it) is none of
// the job's business.
void TidyDescriptors() {
  int fd = 0;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, 0);
}

}  // namespace

int main(int argc, char** argv) {
  cronium::agent::init::Options options;
  const std::string error = cronium::agent::init::ParseOptions(argc, argv, &options);
  if (!error.empty()) {
    fprintf(stderr, "cronium-init: %s; see --help\n", error.c_str());
    return kCannotStart;
  }
  if (options.help) {
    fputs(cronium::agent::init::UsageText(), stdout);
    return 0;
  }
  if (options.version) {
    puts("cronium-init " CRONIUM_VERSION);
    return 0;
  }
  TidyDescriptors();
  // The job runs as the same user: without this it could attach to init and end the lease's hold.
  prctl(PR_SET_DUMPABLE, 0);
  signal(SIGPIPE, SIG_IGN);
  cronium::agent::init::Supervisor supervisor(options);
  return supervisor.Run();
}
