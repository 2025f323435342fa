// SPDX-License-Identifier: Apache-2.0
#include "agent/init/child.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace cronium::agent::init {
namespace {

constexpr const char* kShell = "/bin/sh";

bool IsElf(const char* path) {
  const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  char magic[4];
  return fd.ok() && read(fd.get(), magic, sizeof(magic)) == sizeof(magic) &&
         memcmp(magic, "\177ELF", sizeof(magic)) == 0;
}

// Returns only on failure. A file of no known format is a script for /bin/sh, as in any shell;
// unless it is a program for another machine.
ExecFailure Exec(const char* path, std::vector<char*>& argv) {
  execve(path, argv.data(), environ);
  if (errno != ENOEXEC || IsElf(path)) return {.through_shell = false, .error = errno};
  std::vector<char*> shell_argv = {const_cast<char*>(kShell), const_cast<char*>(path)};
  shell_argv.insert(shell_argv.end(), argv.begin() + 1, argv.end());
  execve(kShell, shell_argv.data(), environ);
  return {.through_shell = true, .error = errno};
}

void ResetSignals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Runs in the child, and returns only on failure.
ExecFailure Become(const std::string& program, const ChildSpec& spec) {
  setsid();
  const UniqueFd input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!input.ok() || dup2(input.get(), STDIN_FILENO) < 0 ||
      dup2(spec.stdout_fd, STDOUT_FILENO) < 0 || dup2(spec.stderr_fd, STDERR_FILENO) < 0) {
    return {.through_shell = false, .error = errno};
  }
  std::vector<char*> argv;
  for (const std::string& word : spec.command) argv.push_back(const_cast<char*>(word.c_str()));
  if (argv.empty()) argv.push_back(const_cast<char*>(spec.script.c_str()));
  argv.push_back(nullptr);
  ResetSignals();
  return Exec(program.c_str(), argv);
}

}  // namespace

std::string FindCommand(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* variable = getenv("PATH");
  std::string_view path = variable != nullptr ? variable : "";
  std::string not_executable;
  while (!name.empty()) {
    const size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    const std::string file = (folder.empty() ? "." : std::string(folder)) + "/" + name;
    struct stat info {};
    if (stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      if (access(file.c_str(), X_OK) == 0) return file;
      if (not_executable.empty()) not_executable = file;
    }
    if (colon == std::string_view::npos) break;
    path.remove_prefix(colon + 1);
  }
  return not_executable;
}

std::optional<ExecReport> Child::Start(EventLoop* loop, const ChildSpec& spec, Listener* listener) {
  loop_ = loop;
  listener_ = listener;
  program_ = spec.command.empty() ? spec.script : FindCommand(spec.command[0]);
  if (program_.empty()) {
    return ExecReport{127, spec.command[0] + ": command not found in PATH"};
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return ExecReport{126, std::string("cannot make a pipe: ") + strerror(errno)};
  }
  exec_pipe_ = UniqueFd(ends[0]);
  const UniqueFd report(ends[1]);
  if (!loop->Watch(exec_pipe_.get(), EPOLLIN, this)) {
    return ExecReport{126, std::string("cannot watch a pipe: ") + strerror(errno)};
  }
  pid_ = fork();
  if (pid_ < 0) {
    pid_ = 0;
    return ExecReport{126, std::string("cannot make a process: ") + strerror(errno)};
  }
  if (pid_ == 0) {
    const ExecFailure failure = Become(program_, spec);
    [[maybe_unused]] const ssize_t written = write(report.get(), &failure, sizeof(failure));
    _exit(127);
  }
  return std::nullopt;
}

void Child::Signal(int signal) const {
  if (pid_ == 0) return;
  if (kill(-pid_, signal) != 0 && errno == ESRCH) kill(pid_, signal);
}

void Child::ResolveExec() {
  if (exec_pipe_.ok()) OnEvent(exec_pipe_.get(), EPOLLIN);
}

void Child::OnEvent(int fd, uint32_t events) {
  ExecFailure failure;
  const ssize_t length = read(fd, &failure, sizeof(failure));
  if (length < 0) return;
  loop_->Forget(fd);
  exec_pipe_.Reset();
  if (length == sizeof(failure)) {
    listener_->OnExecFailed(DescribeExecFailure(program_, failure));
  } else {
    listener_->OnExecSucceeded();
  }
}

}  // namespace cronium::agent::init
