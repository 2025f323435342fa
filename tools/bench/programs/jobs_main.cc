// SPDX-License-Identifier: Apache-2.0
// cronium-bench-jobs: how many jobs a second the control plane takes from CreateJob to their
// durable end, with simulated agents.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/log.h"
#include "common/mutex.h"
#include "common/rpc/prepare_grpc.h"
#include "tools/bench/programs/controller_process.h"
#include "tools/bench/programs/job_load.h"
#include "tools/bench/programs/process_cpu.h"
#include "tools/bench/programs/simulated_agent.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {
namespace {

struct Flags {
  std::string program;
  std::string data_dir = "/tmp";
  std::string controller;
  std::string controller_data_dir;
  int controller_pid = 0;
  bool dev = false;
  int agents = 100;
  int slots = 64;
  JobLoadOptions load;
  int warmup_seconds = 3;
  int seconds = 15;
  double bar = 2000;
};

// The first thing that went wrong ends the run. Thread-safe.
class Failure {
 public:
  void Set(const absl::Status& status) {
    MutexLock lock(&mutex_);
    if (status_.ok()) status_ = status;
    changed_.NotifyAll();
  }
  absl::Status Get() const {
    MutexLock lock(&mutex_);
    return status_;
  }
  // Returns early where something went wrong.
  absl::Status WaitFor(absl::Duration time) {
    const absl::Time end = absl::Now() + time;
    MutexLock lock(&mutex_);
    while (status_.ok() && absl::Now() < end) {
      changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(end - absl::Now()));
    }
    return status_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// All agents of the run, and the thread that sends their heartbeats.
class Fleet {
 public:
  Fleet(const Target* target, int agents, int slots, Failure* failure) : failure_(failure) {
    for (int i = 0; i < agents; ++i) {
      agents_.push_back(std::make_unique<SimulatedAgent>(
          target, absl::StrCat("bench-", i), slots,
          [this](absl::Duration period) { OnWelcome(period); },
          [failure](const std::string& name, const absl::Status& status) {
            failure->Set(absl::InternalError(
                absl::StrCat("the session of ", name, " ended: ", status.ToString())));
          }));
    }
  }
  ~Fleet() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      changed_.NotifyAll();
    }
    if (heartbeats_.joinable()) heartbeats_.join();
    for (const auto& agent : agents_) agent->Stop();
  }

  // Until every agent has its Welcome.
  absl::Status Start() {
    for (const auto& agent : agents_) {
      if (absl::Status status = agent->Start(); !status.ok()) return status;
    }
    MutexLock lock(&mutex_);
    while (welcomed_ < agents_.size()) {
      if (absl::Status status = failure_->Get(); !status.ok()) return status;
      changed_.WaitFor(&mutex_, std::chrono::milliseconds(100));
    }
    heartbeats_ = std::thread([this] { SendHeartbeats(); });
    return absl::OkStatus();
  }

 private:
  void OnWelcome(absl::Duration period) {
    MutexLock lock(&mutex_);
    ++welcomed_;
    period_ = period;
    changed_.NotifyAll();
  }

  // Spread over the period, as those of real hosts are.
  void SendHeartbeats() {
    for (size_t next = 0;; next = (next + 1) % agents_.size()) {
      agents_[next]->TimeToHeartbeat();
      MutexLock lock(&mutex_);
      if (stopping_) return;
      changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(period_ / agents_.size()));
      if (stopping_) return;
    }
  }

  Failure* const failure_;
  std::vector<std::unique_ptr<SimulatedAgent>> agents_;
  std::thread heartbeats_;
  Mutex mutex_;
  CondVar changed_;
  size_t welcomed_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration period_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

double PercentileMs(std::vector<int64_t>* values, double fraction) {
  if (values->empty()) return 0;
  const size_t index = std::min(
      values->size() - 1, static_cast<size_t>(fraction * static_cast<double>(values->size())));
  std::nth_element(values->begin(), values->begin() + static_cast<ptrdiff_t>(index), values->end());
  return static_cast<double>((*values)[index]) / 1e6;
}

// Says what the figure is held by: the CPUs, one thread, or waiting.
void PrintHolder(const CpuUse& controller, const CpuUse& own, double rate) {
  const double cpus = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
  const double others = std::max(0.0, controller.machine_busy - controller.process - own.process);
  absl::PrintF("cost     %.3f ms of the controller's CPU for each job, %.3f ms of this program's\n",
               controller.process / rate * 1000, own.process / rate * 1000);
  absl::PrintF(
      "CPU      controller %.2f, this program %.2f, others %.2f, idle %.2f, waiting for disk %.2f, "
      "of %.0f CPUs\n",
      controller.process, own.process, others, controller.machine_idle, controller.machine_io_wait,
      cpus);
  if (others > 0.1 * cpus) {
    absl::PrintF("         others took CPU meanwhile: the rate is lower than on a quiet machine\n");
  }
  absl::PrintF("threads  busiest of the controller:");
  for (size_t i = 0; i < controller.threads.size() && i < 6; ++i) {
    absl::PrintF("%s %s %.0f%%", i == 0 ? "" : ",", controller.threads[i].name,
                 controller.threads[i].share * 100);
  }
  absl::PrintF("\nheld by  ");
  if (!controller.threads.empty() && controller.threads[0].share > 0.9) {
    absl::PrintF("one thread of the controller: %s\n", controller.threads[0].name);
  } else if (controller.machine_idle + controller.machine_io_wait < 0.1 * cpus) {
    absl::PrintF("the CPUs of this machine, of which the controller has %.0f%%\n",
                 100 * controller.process / controller.machine_busy);
  } else {
    absl::PrintF("waiting: commits, the network, or too few jobs in flight (--live-jobs)\n");
  }
}

absl::StatusOr<int> Measure(const Flags& flags, const Target& target, pid_t controller_pid) {
  Failure failure;
  const absl::Time connecting = absl::Now();
  Fleet fleet(&target, flags.agents, flags.slots, &failure);
  if (absl::Status status = fleet.Start(); !status.ok()) return status;
  absl::PrintF("agents   %d with %d slots each, connected in %.1f s, %s\n", flags.agents,
               flags.slots, absl::ToDoubleSeconds(absl::Now() - connecting),
               target.dev() ? "clear text" : "mutual TLS");

  JobLoad load(&target, flags.load, [&](const absl::Status& status) { failure.Set(status); });
  load.Start();
  if (absl::Status s = failure.WaitFor(absl::Seconds(flags.warmup_seconds)); !s.ok()) return s;
  load.TakeInterval();
  const CpuSample controller_before = SampleCpu(controller_pid);
  const CpuSample own_before = SampleCpu(getpid());
  if (absl::Status s = failure.WaitFor(absl::Seconds(flags.seconds)); !s.ok()) return s;
  LoadInterval interval = load.TakeInterval();
  const CpuSample controller_after = SampleCpu(controller_pid);
  const CpuSample own_after = SampleCpu(getpid());
  load.Drain();
  if (absl::Status s = failure.Get(); !s.ok()) return s;

  const double seconds = controller_after.wall - controller_before.wall;
  const double rate = static_cast<double>(interval.ended) / seconds;
  absl::PrintF("load     %d CreateJob calls and at most %d jobs in flight, %.0f s after %d s\n",
               flags.load.calls, flags.load.live_jobs, seconds, flags.warmup_seconds);
  absl::PrintF("jobs     %.0f/s from CreateJob to their durable end; bar %.0f: %s\n", rate,
               flags.bar, rate >= flags.bar ? "met" : "MISSED");
  absl::PrintF("latency  p50 %.1f ms, p99 %.1f ms\n", PercentileMs(&interval.latencies, 0.5),
               PercentileMs(&interval.latencies, 0.99));
  if (controller_pid > 0) {
    PrintHolder(UseBetween(controller_before, controller_after), UseBetween(own_before, own_after),
                rate);
  }
  return rate >= flags.bar ? 0 : 1;
}

absl::StatusOr<int> Run(const Flags& flags) {
  if (!flags.controller.empty()) {
    absl::StatusOr<Target> target = flags.dev
                                        ? Target::Dev(flags.controller)
                                        : Target::Tls(flags.controller, flags.controller_data_dir);
    if (!target.ok()) return target.status();
    return Measure(flags, *target, flags.controller_pid);
  }
  auto controller = ControllerProcess::Start(flags.program, flags.data_dir, flags.dev);
  if (!controller.ok()) return controller.status();
  absl::StatusOr<Target> target =
      flags.dev ? Target::Dev((*controller)->address())
                : Target::Tls((*controller)->address(), (*controller)->data_dir());
  if (!target.ok()) return target.status();
  absl::StatusOr<int> result = Measure(flags, *target, (*controller)->pid());
  if (absl::Status stopped = (*controller)->Stop(); result.ok() && !stopped.ok()) return stopped;
  const std::string commits = (*controller)->FindInLog("commits made");
  if (result.ok() && !commits.empty()) absl::PrintF("commits  %s\n", commits);
  return result;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Measures jobs per second from CreateJob to their durable end, with simulated agents and no "
      "containers",
      "cronium-bench-jobs");
  Flags flags;
  // The controller that was built with this program.
  flags.program =
      std::string(argv[0]).substr(0, std::string(argv[0]).rfind('/') + 1) + "cronium-controller";
  app.add_option("--program", flags.program, "cronium-controller to measure")
      ->capture_default_str();
  app.add_option("--data-dir", flags.data_dir,
                 "Folder in which its data folder is made: the disk is part of the figure")
      ->capture_default_str();
  app.add_option("--controller", flags.controller,
                 "Measure the one that runs at HOST:PORT instead");
  app.add_option("--controller-data-dir", flags.controller_data_dir,
                 "Its data folder, for the CA's key and the token (not with --dev)");
  app.add_option("--controller-pid", flags.controller_pid,
                 "Its process, where it runs on this host");
  app.add_flag("--dev", flags.dev, "Clear text instead of mutual TLS");
  app.add_option("--agents", flags.agents, "Sessions")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--slots", flags.slots, "Jobs at one time on each")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--calls", flags.load.calls, "CreateJob calls under way")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--live-jobs", flags.load.live_jobs, "Jobs that have not ended, at most")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--warmup-seconds", flags.warmup_seconds, "Before it counts")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  app.add_option("--seconds", flags.seconds, "That it counts for")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--bar", flags.bar, "Exit status 1 below so many jobs/s")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  SetLogLevel("error").IgnoreError();
  PrepareGrpc();
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const absl::StatusOr<int> result = Run(flags);
  if (result.ok()) return *result;
  absl::FPrintF(stderr, "cronium-bench-jobs: %s\n", result.status().ToString());
  return 2;
}

}  // namespace
}  // namespace cronium::bench

int main(int argc, char** argv) { return cronium::bench::Main(argc, argv); }
