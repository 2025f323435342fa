// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/child_process.h"

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
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/file.h"

namespace cronium::bench {
namespace {

constexpr absl::Duration kStartLimit = absl::Seconds(20);

}  // namespace

absl::StatusOr<std::unique_ptr<TemporaryFolder>> TemporaryFolder::Make(const std::string& parent) {
  std::string path = absl::StrCat(parent, "/cronium-bench-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) return ErrnoError(path, "cannot make it", errno);
  return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(std::move(path)));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& command, std::string log) {
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
  std::string name = command[0].substr(command[0].rfind('/') + 1);
  if (command.size() > 1) absl::StrAppend(&name, " ", command[1]);
  return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(name), std::move(log), pid));
}

ChildProcess::~ChildProcess() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::Status ChildProcess::Said(const std::string& what) const {
  const absl::StatusOr<std::string> said = ReadFile(log_);
  return absl::InternalError(absl::StrCat(name_, " ", what, ": ", said.ok() ? *said : ""));
}

absl::Status ChildProcess::Wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return ErrnoError(name_, "cannot wait for it", errno);
  }
  pid_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return Said(absl::StrCat("ended with wait status ", status));
}

absl::Status ChildProcess::Stop() {
  if (kill(pid_, SIGTERM) != 0) return ErrnoError(name_, "cannot stop it", errno);
  return Wait();
}

std::string ChildProcess::FindInLog(const std::string& text) const {
  const absl::StatusOr<std::string> log = ReadFile(log_);
  if (!log.ok()) return "";
  std::string found;
  for (const absl::string_view line : absl::StrSplit(*log, '\n')) {
    if (absl::StrContains(line, text)) found = std::string(line);
  }
  return found;
}

absl::StatusOr<std::string> ChildProcess::WaitForLine(const std::string& text) {
  const absl::Time deadline = absl::Now() + kStartLimit;
  while (absl::Now() < deadline) {
    std::string line = FindInLog(text);
    if (!line.empty()) return line;
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return Said("ended");
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  return Said(absl::StrCat("did not say \"", text, "\""));
}

std::string FieldOf(const std::string& line, const std::string& name) {
  for (absl::string_view word : absl::StrSplit(line, ' ')) {
    if (absl::ConsumePrefix(&word, absl::StrCat(name, "="))) return std::string(word);
  }
  return "";
}

}  // namespace cronium::bench
