// SPDX-License-Identifier: Apache-2.0
#include "agent/init/supervisor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "agent/init/fifo.h"
#include "agent/init/oom_kills.h"
#include "agent/init/processes.h"

namespace cronium::agent::init {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kKillPollMs = 20;
constexpr int kCannotStart = 126;
constexpr int kKilled = 128 + SIGKILL;

constexpr int kForwarded[] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT,
                              SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};

constexpr const char* kHelpers = "/opt/cronium/bin";
constexpr const char* kPythonHelpers = "/opt/cronium/lib/python";
constexpr const char* kNodeHelpers = "/opt/cronium/lib/node/node_modules";
constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Puts `folder` before what the variable lists, or before `fallback` where it lists nothing.
void PutFirst(const char* variable, const char* folder, const std::string& fallback) {
  const char* value = getenv(variable);
  const std::string rest = value != nullptr && *value != '\0' ? value : fallback;
  setenv(variable, (rest.empty() ? folder : folder + (":" + rest)).c_str(), 1);
}

// Here rather than in the container's settings, where they would replace what the image has set.
void PutHelpersFirst() {
  PutFirst("PATH", kHelpers, kDefaultPath);
  PutFirst("PYTHONPATH", kPythonHelpers, "");
  PutFirst("NODE_PATH", kNodeHelpers, "");
}

std::string WithErrno(const std::string& text) { return text + ": " + strerror(errno); }

}  // namespace

int Supervisor::Run() {
  AdoptOrphans();
  if (!loop_.Open() || !drain_.Open(&loop_, this) || !timer_.Open(&loop_, this)) {
    return kCannotStart;
  }
  if (OpenSignals() && OpenFifos() && TakeLease()) {
    EnterWorkdir();
    StartRelay();
    PutHelpersFirst();
    oom_kills_before_ = CountOomKills();
    StartChild();
  }
  if (child_.pid() == 0) KillTheRest();
  loop_.Run();
  return exit_code_;
}

bool Supervisor::OpenSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  for (const int signal : kForwarded) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = UniqueFd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (signals_.ok() && loop_.Watch(signals_.get(), EPOLLIN, this)) return true;
  return FailToStart("exec", WithErrno("cannot take signals"), kCannotStart);
}

bool Supervisor::OpenFifos() {
  // These are init's own openings of the FIFOs, non-blocking; the child gets blocking ones.
  std::string error = OpenFifo(options_.job_dir + "/stderr", O_NONBLOCK, &stderr_);
  if (error.empty()) error = status_.Open(options_.job_dir + "/status");
  if (error.empty()) error = OpenFifo(options_.job_dir + "/stdout", O_NONBLOCK, &stdout_);
  return error.empty() || FailToStart("fifo", error, kCannotStart);
}

bool Supervisor::TakeLease() {
  const std::string path = options_.job_dir + "/lease";
  Lease lease;
  std::string error = ReadLease(path, &lease);
  if (error.empty() && !lease.keep && lease.end_ns <= BootTimeNs()) {
    error = "the lease ended before the job could start";
  }
  if (error.empty() && !lease_timer_.Start(&loop_, path, lease, this)) {
    error = WithErrno("cannot make the lease's timer");
  }
  lease_taken_ = error.empty();
  return lease_taken_ || FailToStart("lease", error, kCannotStart);
}

void Supervisor::EnterWorkdir() {
  if (chdir(options_.workdir.c_str()) == 0) return;
  status_.Warning("workdir", WithErrno("cannot enter " + options_.workdir) + "; running in /");
  if (chdir("/") != 0) return;  // it is there, and where pid 1 starts
}

void Supervisor::StartRelay() {
  if (!options_.relay) return;
  const std::string error = relay_.Start(&loop_, *options_.relay, options_.api_socket);
  if (!error.empty()) {
    status_.Warning("relay", error);
  } else if (options_.relay->sin_port == 0) {
    status_.Relay(relay_.Address());
  }
}

void Supervisor::StartChild() {
  UniqueFd output;
  UniqueFd errors;
  std::string error = OpenFifo(options_.job_dir + "/stdout", 0, &output);
  if (error.empty()) error = OpenFifo(options_.job_dir + "/stderr", 0, &errors);
  if (!error.empty()) {
    FailToStart("fifo", error, kCannotStart);
    return;
  }
  status_.Starting();
  const std::optional<ExecReport> report = child_.Start(&loop_,
                                                        {.script = options_.job_dir + "/script",
                                                         .command = options_.command,
                                                         .stdout_fd = output.get(),
                                                         .stderr_fd = errors.get()},
                                                        this);
  if (report) FailToStart("exec", report->text, report->exit_code);
}

bool Supervisor::FailToStart(std::string_view word, std::string_view text, int exit_code) {
  start_failed_ = true;
  exit_code_ = exit_code;
  status_.Error(word, text);
  const std::string line = FormatStatusLine("cronium-init: " + std::string(text));
  [[maybe_unused]] const ssize_t written =
      write(stderr_.ok() ? stderr_.get() : STDERR_FILENO, line.data(), line.size());
  return false;
}

void Supervisor::OnEvent(int fd, uint32_t events) {
  if (timer_.Is(fd)) {
    if (!timer_.Consume()) return;
    if (phase_ == Phase::kKilling) {
      KillTheRest();
    } else if (lease_ended_ && phase_ == Phase::kRunning) {
      child_.Signal(SIGKILL);
      KillOthers();
    }
    return;
  }
  signalfd_siginfo info;
  while (read(fd, &info, sizeof(info)) == sizeof(info)) {
    // A sender that is in no pid namespace of ours has no number here: pid_namespaces(7).
    OnSignal(static_cast<int>(info.ssi_signo), info.ssi_pid == 0);
  }
}

void Supervisor::OnSignal(int signal, bool from_outside) {
  if (signal == SIGCHLD) {
    ReapChildren();
    return;
  }
  // Before the job hears of it, so that this comes before the end that it may lead to.
  if (signal == SIGTERM && from_outside && !std::exchange(stopped_, true)) status_.Stopped();
  child_.Signal(signal);
}

void Supervisor::ReapChildren() {
  int wait_status = 0;
  pid_t pid = 0;
  while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
    if (pid == child_.pid()) OnMainEnded(wait_status);
  }
  children_left_ = pid == 0;
  if (phase_ == Phase::kKilling) KillTheRest();
}

void Supervisor::OnExecSucceeded() { status_.Started(BootTimeNs()); }

void Supervisor::OnExecFailed(const ExecReport& report) {
  FailToStart("exec", report.text, report.exit_code);
}

// docs/protocol.md P13. The grace counts from the lease's end, not from now: a host that was
// suspended beyond both must not give the job another grace, since it may run elsewhere by now.
void Supervisor::OnLeaseEnded(int64_t end_ns) {
  lease_ended_ = true;
  drain_.LeaseEnded();
  if (phase_ != Phase::kRunning || start_failed_) return;
  status_.LeaseEnded();
  child_.Signal(SIGTERM);
  child_.Signal(SIGCONT);  // one that is stopped could not act on TERM
  timer_.ArmAt(end_ns + options_.stop_grace_ms * kNsPerMs);
}

void Supervisor::OnMainEnded(int wait_status) {
  child_.ResolveExec();
  child_.MarkReaped();
  if (!start_failed_) {
    const int64_t oom_kills = CountOomKills() - oom_kills_before_;
    if (oom_kills > 0) status_.OomKilled(oom_kills);
    status_.Ended(wait_status);
    exit_code_ = WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
    if (lease_ended_) exit_code_ = kKilled;
  }
  phase_ = Phase::kKilling;
}

// Called when the main process is gone, and again whenever a child was reaped or the timer fired.
void Supervisor::KillTheRest() {
  const int64_t now = BootTimeNs();
  phase_ = Phase::kKilling;
  if (killing_since_ns_ == 0) {
    killing_since_ns_ = now;
    relay_.Stop();
  }
  const bool others_left = KillOthers();
  if ((!others_left && !children_left_) || now - killing_since_ns_ >= kMaxKillMs * kNsPerMs) {
    StartDraining();
  } else {
    timer_.ArmAfterMs(kKillPollMs);
  }
}

void Supervisor::StartDraining() {
  phase_ = Phase::kDraining;
  // With no lease to end the wait, a reader that never comes must not hold up the failure.
  if (!lease_taken_) drain_.LeaseEnded();
  drain_.Start({&stdout_, &stderr_});
}

void Supervisor::OnDrained(bool complete) {
  if (complete && phase_ == Phase::kDraining) {
    phase_ = Phase::kLeaving;
    status_.Drained();
    drain_.Start({&status_.fifo()});
    return;
  }
  loop_.Stop();
}

}  // namespace cronium::agent::init
