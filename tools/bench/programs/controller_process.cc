// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/controller_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/file.h"

namespace cronium::bench {
namespace {

constexpr absl::Duration kStartLimit = absl::Seconds(20);
constexpr char kServes[] = "controller serves";

absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid = -1;
  const int error_number = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error_number != 0) {
    return absl::FailedPreconditionError(absl::StrCat(command[0], ": ", strerror(error_number)));
  }
  return pid;
}

absl::Status WaitForEnd(pid_t pid, const std::string& what, const std::string& log) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  const absl::StatusOr<std::string> said = ReadFile(log);
  return absl::InternalError(
      absl::StrCat(what, " ended with wait status ", status, ": ", said.ok() ? *said : ""));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControllerProcess>> ControllerProcess::Start(
    const std::string& program, const std::string& parent_dir, bool dev) {
  std::unique_ptr<ControllerProcess> process(new ControllerProcess());
  std::string folder = absl::StrCat(parent_dir, "/cronium-bench-XXXXXX");
  if (mkdtemp(folder.data()) == nullptr) return ErrnoError(folder, "cannot make it", errno);
  process->folder_ = folder;
  process->data_dir_ = absl::StrCat(folder, "/data");
  if (!dev) {
    const absl::StatusOr<pid_t> init =
        Spawn({program, "init", "--data-dir", process->data_dir_}, process->LogPath());
    if (!init.ok()) return init.status();
    if (absl::Status ended = WaitForEnd(*init, "cronium-controller init", process->LogPath());
        !ended.ok()) {
      return ended;
    }
  }
  std::vector<std::string> serve = {program,    "serve",       "--data-dir",  process->data_dir_,
                                    "--listen", "127.0.0.1:0", "--log-level", "info"};
  if (dev) serve.push_back("--dev");
  const absl::StatusOr<pid_t> pid = Spawn(serve, process->LogPath());
  if (!pid.ok()) return pid.status();
  process->pid_ = *pid;
  if (absl::Status status = process->WaitForPort(); !status.ok()) return status;
  return process;
}

absl::Status ControllerProcess::WaitForPort() {
  const absl::Time deadline = absl::Now() + kStartLimit;
  while (absl::Now() < deadline) {
    for (const absl::string_view word : absl::StrSplit(FindInLog(kServes), ' ')) {
      int port = 0;
      if (absl::StartsWith(word, "port=") && absl::SimpleAtoi(word.substr(5), &port)) {
        address_ = absl::StrCat("127.0.0.1:", port);
        return absl::OkStatus();
      }
    }
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  const absl::StatusOr<std::string> said = ReadFile(LogPath());
  return absl::InternalError(
      absl::StrCat("the controller does not serve: ", said.ok() ? *said : ""));
}

ControllerProcess::~ControllerProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

absl::Status ControllerProcess::Stop() {
  const pid_t pid = std::exchange(pid_, -1);
  if (kill(pid, SIGTERM) != 0) return ErrnoError("cronium-controller", "cannot stop it", errno);
  return WaitForEnd(pid, "cronium-controller serve", LogPath());
}

std::string ControllerProcess::FindInLog(const std::string& text) const {
  const absl::StatusOr<std::string> log = ReadFile(LogPath());
  if (!log.ok()) return "";
  std::string found;
  for (const absl::string_view line : absl::StrSplit(*log, '\n')) {
    if (absl::StrContains(line, text)) found = std::string(line);
  }
  return found;
}

}  // namespace cronium::bench
