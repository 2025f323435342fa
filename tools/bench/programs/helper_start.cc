// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/helper_start.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tools/bench/programs/now_ns.h"

namespace cronium::bench {
namespace {

// How long one run took.
absl::StatusOr<int64_t> RunOnce(const std::string& program,
                                const posix_spawn_file_actions_t* actions) {
  char name[] = "cronium_info";
  char id[] = "CRONIUM_EXECUTION_ID=exec_0aZ9zA0aZ9zA";
  char token[] = "CRONIUM_EXECUTION_TOKEN=bench";
  char* const argv[] = {name, nullptr};
  char* const environment[] = {id, token, nullptr};
  const int64_t begun_ns = NowNs();
  pid_t pid = -1;
  const int error_number = posix_spawn(&pid, program.c_str(), actions, nullptr, argv, environment);
  if (error_number != 0) return ErrnoError(program, "cannot run it", error_number);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return ErrnoError(program, "cannot wait for it", errno);
  }
  const int64_t took_ns = NowNs() - begun_ns;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError(absl::StrCat(program, ": cronium_info ended with ", status));
  }
  return took_ns;
}

}  // namespace

absl::StatusOr<HelperStart> MeasureHelperStart(const std::string& program, int runs) {
  HelperStart out;
  struct stat info;
  if (stat(program.c_str(), &info) != 0) return ErrnoError(program, "cannot look at it", errno);
  out.bytes = info.st_size;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  absl::Status status;
  for (int i = 0; i < runs && status.ok(); ++i) {
    const absl::StatusOr<int64_t> took_ns = RunOnce(program, &actions);
    status = took_ns.status();
    if (took_ns.ok()) out.runs.latencies_ns.push_back(*took_ns);
  }
  posix_spawn_file_actions_destroy(&actions);
  if (!status.ok()) return status;
  return out;
}

}  // namespace cronium::bench
