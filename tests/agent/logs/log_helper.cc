// SPDX-License-Identifier: Apache-2.0
// The processes that the capture tests need beside their own.
//
//   agent_logs_helper write RUN_DIR SEED WRITES      writes a Pattern to the FIFOs as a job under
//   cronium-init does: opens them for
//                                                    reading and writing, and stays until they are
//                                                    drained
//   agent_logs_helper flood RUN_DIR BYTES            writes lines to stdout, as fast as they are
//   taken, and stays too agent_logs_helper capture SPOOL_DIR RUN_DIR ID   captures until it is
//   killed
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "agent/logs/log_capture.h"
#include "common/clock.h"
#include "common/file.h"
#include "pattern.h"

namespace cronium::agent {
namespace {

int OpenAsInit(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    perror(path.c_str());
    exit(1);
  }
  return fd;
}

// A FIFO has no event for "empty", so this looks again and again, as cronium-init does.
void AwaitDrained(int fd) {
  int waiting = 1;
  while (ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0) poll(nullptr, 0, 1);
}

int Write(const std::string& run_dir, unsigned seed, int writes) {
  const int fds[2] = {OpenAsInit(run_dir + "/stdout"), OpenAsInit(run_dir + "/stderr")};
  Pattern pattern(seed);
  for (; writes > 0; --writes) {
    const auto [stream, data] = pattern.Next();
    if (!WriteAll(fds[stream], data).ok()) return 1;
  }
  AwaitDrained(fds[0]);
  AwaitDrained(fds[1]);
  return 0;
}

int Flood(const std::string& run_dir, long bytes) {
  const int fd = OpenAsInit(run_dir + "/stdout");
  std::string block;
  while (block.size() < 64 * 1024)
    block += "a line of the flood, about as long as lines are in logs\n";
  for (; bytes > 0; bytes -= static_cast<long>(block.size())) {
    if (!WriteAll(fd, block).ok()) return 1;
  }
  AwaitDrained(fd);
  return 0;
}

int Capture(const std::string& spool_dir, const std::string& run_dir, const std::string& id) {
  RealClock clock;
  // Small, so that kills fall between any two steps.
  auto capture = LogCapture::Create(
      {.spool_dir = spool_dir, .turn_bytes = 16 * 1024, .fifo_bytes = 64 * 1024}, &clock);
  if (!capture.ok() || !(*capture)->Open(id, run_dir, {}).ok()) return 1;
  (void)WriteAll(STDOUT_FILENO, "ready\n");
  for (;;) pause();
}

}  // namespace
}  // namespace cronium::agent

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "write" && argc == 5) {
    return cronium::agent::Write(argv[2], std::strtoul(argv[3], nullptr, 10), atoi(argv[4]));
  }
  if (what == "flood" && argc == 4) return cronium::agent::Flood(argv[2], atol(argv[3]));
  if (what == "capture" && argc == 5) return cronium::agent::Capture(argv[2], argv[3], argv[4]);
  return 2;
}
