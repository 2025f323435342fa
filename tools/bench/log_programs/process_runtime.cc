// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/process_runtime.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/error.h"
#include "common/thread_name.h"

namespace cronium::bench {
namespace {

using agent::CallId;
using agent::ContainerState;

// Where the agent puts the job's folder and the script inside a container
// (agent/execution/container_config.cc).
constexpr char kJobDir[] = "/run/cronium/job";
constexpr absl::string_view kIdPrefix = "process-";
constexpr char kScript[] = "/run/cronium/job/script";

absl::Status NoContainer(const std::string& name) {
  return MakeError(absl::StatusCode::kNotFound, agent::kContainerNotFound,
                   absl::StrCat("no container ", name));
}

std::vector<std::string> CommandOf(const std::string& program,
                                   const agent::ContainerConfig& config) {
  std::vector<std::string> words = {program};
  for (const agent::BindMount& bind : config.binds) {
    if (bind.target == kJobDir) words.insert(words.end(), {"--job-dir", bind.source});
  }
  const auto script = std::find(config.entrypoint.begin(), config.entrypoint.end(), kScript);
  if (script != config.entrypoint.end()) {
    words.insert(words.end(), script + 1, config.entrypoint.end());
  }
  return words;
}

absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  // The agent's threads block signals; a job must not.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  const int error_number = posix_spawn(&pid, argv[0], nullptr, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error_number != 0) return ErrnoError(command[0], "cannot start", error_number);
  return pid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessRuntime>> ProcessRuntime::Create(std::string program) {
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return ErrnoError("eventfd", "cannot make one", errno);
  std::unique_ptr<ProcessRuntime> runtime(new ProcessRuntime(std::move(program), std::move(wake)));
  runtime->thread_ = std::thread([parts = runtime.get()] { parts->Run(); });
  return runtime;
}

ProcessRuntime::~ProcessRuntime() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

CallId ProcessRuntime::Post(std::function<void(CallId)> task) {
  CallId call;
  {
    MutexLock lock(&mutex_);
    call = ++last_call_;
    tasks_.push_back([task = std::move(task), call] { task(call); });
  }
  eventfd_write(wake_.get(), 1);
  return call;
}

void ProcessRuntime::Run() {
  SetThreadName("process-engine");
  while (CarryOut()) WaitForNews();
  for (auto& [name, container] : containers_) {
    if (container.pid > 0) {
      kill(container.pid, SIGKILL);
      waitpid(container.pid, nullptr, 0);
    }
    for (auto& [call, done] : container.waiters) done(absl::CancelledError("the engine stops"));
  }
}

bool ProcessRuntime::CarryOut() {
  while (true) {
    std::vector<std::function<void()>> tasks;
    {
      MutexLock lock(&mutex_);
      tasks.swap(tasks_);
      if (tasks.empty()) return !stopping_;
    }
    for (const auto& task : tasks) task();
  }
}

void ProcessRuntime::WaitForNews() {
  std::vector<pollfd> polled = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  std::vector<Container*> running;
  for (auto& [name, container] : containers_) {
    if (container.pid <= 0) continue;
    running.push_back(&container);
    polled.push_back({.fd = container.pid_fd.get(), .events = POLLIN, .revents = 0});
  }
  if (poll(polled.data(), polled.size(), -1) < 0) return;  // EINTR
  eventfd_t ignored;
  if (polled[0].revents != 0) eventfd_read(wake_.get(), &ignored);
  for (size_t i = 0; i < running.size(); ++i) {
    if (polled[i + 1].revents != 0) Reap(running[i]);
  }
}

ProcessRuntime::Container* ProcessRuntime::Find(const std::string& name) {
  const auto found = containers_.find(std::string(absl::StripPrefix(name, kIdPrefix)));
  return found == containers_.end() ? nullptr : &found->second;
}

absl::Status ProcessRuntime::Begin(Container* container) {
  const absl::StatusOr<pid_t> pid = Spawn(CommandOf(program_, container->config));
  if (!pid.ok()) return pid.status();
  container->pid = *pid;
  // glibc 2.36 declares pidfd_open as a function of C++.
  container->pid_fd.Reset(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  container->state = ContainerState::kRunning;
  container->exit.started_at = absl::Now();
  return absl::OkStatus();
}

void ProcessRuntime::Reap(Container* container) {
  int status = 0;
  while (waitpid(container->pid, &status, 0) < 0 && errno == EINTR) {
  }
  container->pid = -1;
  container->pid_fd.Reset();
  container->state = ContainerState::kEnded;
  container->exit.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  container->exit.finished_at = absl::Now();
  for (auto& [call, done] : std::exchange(container->waiters, {})) done(container->exit);
}

CallId ProcessRuntime::PrepareImage(const std::string& /*image*/, ProgressFn /*progress*/,
                                    Done done) {
  return Post([done = std::move(done)](CallId) { done(absl::OkStatus()); });
}

void ProcessRuntime::Create(const agent::ContainerConfig& config, CreateDone done) {
  Post([this, config, done = std::move(done)](CallId) {
    containers_[config.name].config = config;
    done(absl::StrCat(kIdPrefix, config.name));
  });
}

void ProcessRuntime::Start(const std::string& name, Done done) {
  Post([this, name, done = std::move(done)](CallId) {
    Container* const container = Find(name);
    if (container == nullptr) return done(NoContainer(name));
    done(container->state == ContainerState::kCreated ? Begin(container) : absl::OkStatus());
  });
}

CallId ProcessRuntime::Wait(const std::string& name, WaitDone done) {
  return Post([this, name, done = std::move(done)](CallId call) {
    Container* const container = Find(name);
    if (container == nullptr) return done(NoContainer(name));
    if (container->state == ContainerState::kCreated) {
      return done(absl::FailedPreconditionError(absl::StrCat(name, " was never started")));
    }
    if (container->state == ContainerState::kEnded) return done(container->exit);
    container->waiters.emplace(call, done);
  });
}

void ProcessRuntime::Kill(const std::string& name, int signal, Done done) {
  Post([this, name, signal, done = std::move(done)](CallId) {
    Container* const container = Find(name);
    if (container == nullptr) return done(NoContainer(name));
    if (container->pid > 0) kill(container->pid, signal);
    done(absl::OkStatus());
  });
}

void ProcessRuntime::Remove(const std::string& name, bool force, Done done) {
  Post([this, name, force, done = std::move(done)](CallId) {
    Container* const container = Find(name);
    if (container != nullptr && container->pid > 0) {
      if (!force) return done(absl::FailedPreconditionError(absl::StrCat(name, " runs")));
      kill(container->pid, SIGKILL);
      Reap(container);
    }
    containers_.erase(std::string(absl::StripPrefix(name, kIdPrefix)));
    done(absl::OkStatus());
  });
}

void ProcessRuntime::ListOurs(const std::map<std::string, std::string>& labels, ListDone done) {
  Post([this, labels, done = std::move(done)](CallId) {
    std::vector<agent::ContainerInfo> ours;
    for (const auto& [name, container] : containers_) {
      const std::map<std::string, std::string>& has = container.config.labels;
      if (std::includes(has.begin(), has.end(), labels.begin(), labels.end())) {
        ours.push_back({absl::StrCat(kIdPrefix, name), name, has, container.state});
      }
    }
    done(std::move(ours));
  });
}

void ProcessRuntime::Ping(PingDone done) {
  Post([done = std::move(done)](CallId) {
    done(agent::EngineInfo{.name = "processes", .version = "1"});
  });
}

void ProcessRuntime::Cancel(CallId cancelled) {
  Post([this, cancelled](CallId) {
    for (auto& [name, container] : containers_) {
      const auto waiter = container.waiters.extract(cancelled);
      if (!waiter.empty()) waiter.mapped()(absl::CancelledError("cancelled"));
    }
  });
}

}  // namespace cronium::bench
