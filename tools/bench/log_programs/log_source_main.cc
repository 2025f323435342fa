// SPDX-License-Identifier: Apache-2.0
// cronium-bench-log-source: writes bench lines to stdout, or as a job of an agent that runs no
// containers (--job-dir). Static, so that it runs in any container too.
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tools/bench/log_programs/line_writer.h"
#include "tools/bench/log_programs/played_init.h"

namespace cronium::bench {
namespace {

constexpr char kUsage[] =
    "Usage: cronium-bench-log-source --lines N [OPTION VALUE]...\n"
    "\n"
    "Writes N numbered lines of 100 bytes to stdout.\n"
    "\n"
    "  --bytes-per-second N  at this rate (default 0: as fast as they are taken)\n"
    "  --burst-ms N          at a rate: what is due is written so often (default 5)\n"
    "  --begin-at-ns N       when to begin, CLOCK_REALTIME (default: at once)\n"
    "  --job-dir DIR         play cronium-init: write to this run folder's FIFOs instead\n";

int Refuse(const std::string& why) {
  fprintf(stderr, "cronium-bench-log-source: %s\n%s", why.c_str(), kUsage);
  return 2;
}

// False where it is no number from 0 on.
bool ParseNumber(const char* text, int64_t* value) {
  char* end = nullptr;
  errno = 0;
  *value = strtoll(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && *value >= 0;
}

int WriteTo(int fd, const LineLoad& load) {
  LineWriter writer(fd);
  if (writer.Write(load)) return 0;
  fprintf(stderr, "cronium-bench-log-source: cannot write: %s\n", strerror(errno));
  return 1;
}

int PlayJob(const std::string& job_dir, const LineLoad& load) {
  // Goes with the agent that started it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  PlayedInit init;
  if (const std::string error = init.Open(job_dir); !error.empty()) return Refuse(error);
  init.Started();
  const int exit_code = WriteTo(init.stdout_fd(), load);
  init.EndedAndRead(exit_code);
  return exit_code;
}

int Main(int argc, char** argv) {
  LineLoad load;
  load.lines = -1;
  std::string job_dir;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--help") return fputs(kUsage, stdout) < 0 ? 1 : 0;
    if (i + 1 == argc) return Refuse(name + " needs a value");
    int64_t number = 0;
    if (name == "--job-dir") {
      job_dir = argv[i + 1];
      continue;
    }
    if (!ParseNumber(argv[i + 1], &number)) return Refuse(name + " needs a number");
    if (name == "--lines") {
      load.lines = number;
    } else if (name == "--bytes-per-second") {
      load.bytes_per_second = number;
    } else if (name == "--burst-ms" && number > 0 && number <= 10'000) {
      load.burst_ns = number * 1'000'000;
    } else if (name == "--begin-at-ns") {
      load.begin_at_ns = number;
    } else {
      return Refuse("unknown option, or a value that it cannot have: " + name);
    }
  }
  if (load.lines < 0) return Refuse("--lines is required");
  return job_dir.empty() ? WriteTo(STDOUT_FILENO, load) : PlayJob(job_dir, load);
}

}  // namespace
}  // namespace cronium::bench

int main(int argc, char** argv) { return cronium::bench::Main(argc, argv); }
