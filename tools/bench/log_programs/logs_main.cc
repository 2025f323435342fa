// SPDX-License-Identifier: Apache-2.0
// cronium-bench-logs: lines per second from sources at an agent to the durable store and a
// follower, over mutual TLS, and how late they come at half of that; against a bare gRPC stream in
// the same run. Says whether every line came once and is stored.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/logs/log_sender.h"
#include "common/log.h"
#include "common/rpc/prepare_grpc.h"
#include "common/shutdown.h"
#include "tools/bench/log_programs/bare_log_stream.h"
#include "tools/bench/log_programs/bench_line.h"
#include "tools/bench/log_programs/log_cluster.h"
#include "tools/bench/log_programs/memory_watch.h"
#include "tools/bench/programs/process_cpu.h"

namespace cronium::bench {
namespace {

constexpr double kMiB = 1 << 20;
// Below what a job may keep of its log.
constexpr int64_t kMaxLinesOfOne = 10'700'000;
constexpr int64_t kWarmUpLines = 200'000;
// Until all sources of a phase wait for its begin.
constexpr absl::Duration kBeginDelay = absl::Seconds(1);
constexpr absl::Duration kBeginDelayOfOne = absl::Milliseconds(20);
constexpr size_t kThreadsShown = 5;
// CPUs.
constexpr double kOthersShown = 0.2;

struct Flags {
  // Folder of cronium-controller and the programs of this folder.
  std::string bin;
  std::string data_dir = "/tmp";
  std::vector<int> executions = {1, 64};
  int64_t lines = 10'000'000;
  double seconds = 15;
  double bare_seconds = 2;
  bool short_run = false;
  // Only this: "full", "half" or "bare".
  std::string only;
  // With --only half: what half load is, MiB/s.
  double rate = 50;
  double bar_mib = 100;
  double bar_lag_ms = 50;
  double bar_growth_mib = 32;

  bool Does(const char* what) const { return only.empty() || only == what; }
};

struct Memory {
  double quarter = 0;
  double end = 0;
  double most = 0;
};

// What one load led to.
struct Phase {
  SourceLoad load;
  FollowResult live;
  FollowResult replay;
  StoredLogs stored;
  // What the logs took on disk.
  int64_t disk_bytes = 0;
  CpuUse controller, agent;
  double seconds = 0;
  Memory controller_memory, agent_memory;

  int64_t lines() const { return load.lines * load.executions; }
  double BytesPerSecond() const {
    return live.Seconds() > 0 ? static_cast<double>(live.counts.bytes) / live.Seconds() : 0;
  }
};

Memory MemoryOf(MemoryWatch* watch) {
  watch->Stop();
  return {watch->AtQuarter(), watch->AtEnd(), watch->AtMost()};
}

absl::StatusOr<Phase> RunPhase(LogCluster* cluster, SourceLoad load) {
  Phase phase;
  const absl::Time begin = absl::Now() + kBeginDelay + load.executions * kBeginDelayOfOne;
  load.begin_at_ns = absl::ToUnixNanos(begin);
  phase.load = load;
  const int64_t disk_before = cluster->StoredDiskBytes();
  const absl::StatusOr<std::vector<std::string>> jobs = cluster->CreateJobs(load);
  if (!jobs.ok()) return jobs.status();
  absl::Status followed = cluster->StartFollower(*jobs, load.lines, /*replay=*/false);
  if (!followed.ok()) return followed;
  absl::SleepFor(begin - absl::Now());

  MemoryWatch controller_memory(cluster->controller_pid());
  MemoryWatch agent_memory(cluster->agent_pid());
  const CpuSample controller = SampleCpu(cluster->controller_pid());
  const CpuSample agent = SampleCpu(cluster->agent_pid());
  absl::StatusOr<FollowResult> live = cluster->AwaitFollower();
  if (!live.ok()) return live.status();
  phase.live = *std::move(live);
  const CpuSample controller_after = SampleCpu(cluster->controller_pid());
  phase.controller = UseBetween(controller, controller_after);
  phase.agent = UseBetween(agent, SampleCpu(cluster->agent_pid()));
  phase.seconds = controller_after.wall - controller.wall;
  phase.controller_memory = MemoryOf(&controller_memory);
  phase.agent_memory = MemoryOf(&agent_memory);

  absl::StatusOr<StoredLogs> stored = cluster->Stored(*jobs);
  if (!stored.ok()) return stored.status();
  phase.stored = *std::move(stored);
  phase.disk_bytes = cluster->StoredDiskBytes() - disk_before;
  followed = cluster->StartFollower(*jobs, load.lines, /*replay=*/true);
  if (!followed.ok()) return followed;
  absl::StatusOr<FollowResult> replay = cluster->AwaitFollower();
  if (!replay.ok()) return replay.status();
  phase.replay = *std::move(replay);
  return phase;
}

// Prints figures, and remembers whether all bars are met.
class Report {
 public:
  explicit Report(const Flags& flags) : flags_(flags) {}

  bool met() const { return met_; }

  void Whole(const Phase& phase) {
    const FollowResult& live = phase.live;
    const FollowResult& replay = phase.replay;
    const int64_t bytes = phase.lines() * static_cast<int64_t>(kLineBytes);
    const bool whole = live.Whole() && live.counts.lines == phase.lines() && replay.Whole() &&
                       replay.counts.lines == phase.lines() && replay.entries == live.entries &&
                       phase.stored.bytes == bytes && phase.stored.entries == live.entries &&
                       phase.stored.bad == 0;
    met_ = met_ && whole;
    absl::PrintF("    lines      %d followed, %d lost, %d repeated, %d damaged: %s\n",
                 live.counts.lines, live.counts.lost, live.counts.repeated, live.counts.damaged,
                 whole ? "met" : "MISSED");
    absl::PrintF(
        "    stored     %d of %d bytes in %d entries (%d followed), %.1f MiB on disk; read again: "
        "%d lines, %d lost, %d repeated, %d damaged\n",
        phase.stored.bytes, bytes, phase.stored.entries, live.entries,
        static_cast<double>(phase.disk_bytes) / kMiB, replay.counts.lines, replay.counts.lost,
        replay.counts.repeated, replay.counts.damaged);
    if (phase.stored.bad > 0) absl::PrintF("    %d logs are not whole\n", phase.stored.bad);
    if (live.reconnects > 0) absl::PrintF("    %d streams began again\n", live.reconnects);
  }

  void Rate(const Phase& phase) {
    const double mib = phase.BytesPerSecond() / kMiB;
    absl::PrintF("  full speed   %.1f MiB/s, %.0f lines/s over %.1f s; %s\n", mib,
                 phase.BytesPerSecond() / kLineBytes, phase.live.Seconds(),
                 Verdict(mib >= flags_.bar_mib, absl::StrCat("bar ", flags_.bar_mib, " MiB/s")));
  }

  void Lag(const Phase& phase) {
    absl::PrintF(
        "  half load    %.1f MiB/s for %.1f s: lag p50 %.1f ms, p99 %.1f ms, at most %.1f ms; %s\n",
        phase.BytesPerSecond() / kMiB, phase.live.Seconds(), phase.live.lag_p50_ms,
        phase.live.lag_p99_ms, phase.live.lag_max_ms,
        Verdict(phase.live.lag_p99_ms < flags_.bar_lag_ms,
                absl::StrCat("bar ", flags_.bar_lag_ms, " ms")));
  }

  void Cost(const Phase& phase) {
    const double follower = phase.live.cpu_seconds / phase.seconds;
    const double others = std::max(0.0, phase.agent.machine_busy - phase.controller.process -
                                            phase.agent.process - phase.agent.children - follower);
    absl::PrintF(
        "    CPU        controller %.2f, agent %.2f, its jobs %.2f, follower %.2f, others %.2f, "
        "idle "
        "%.2f, waiting for disk %.2f\n",
        phase.controller.process, phase.agent.process, phase.agent.children, follower, others,
        phase.agent.machine_idle, phase.agent.machine_io_wait);
    if (others > kOthersShown) {
      absl::PrintF("               others took CPU meanwhile: on a quiet machine it is faster\n");
    }
    Threads("controller", phase.controller);
    Threads("agent", phase.agent);
    Growth("controller", phase.controller_memory);
    Growth("agent", phase.agent_memory);
  }

  void Bare(size_t message_bytes, const std::vector<double>& rates, const Phase* full) {
    double sum = 0;
    for (const double rate : rates) sum += rate;
    const double bare = sum / static_cast<double>(rates.size());
    absl::PrintF("  bare gRPC    %.1f MiB/s with messages of %d KiB", bare / kMiB,
                 message_bytes / 1024);
    if (full != nullptr) absl::PrintF("; full speed is %.3f of it", full->BytesPerSecond() / bare);
    absl::PrintF("\n");
  }

 private:
  // No figure is judged in a short run.
  std::string Verdict(bool met, const std::string& bar) {
    if (flags_.short_run) return "not judged";
    met_ = met_ && met;
    return absl::StrCat(bar, met ? ": met" : ": MISSED");
  }

  void Growth(const char* who, const Memory& memory) {
    absl::PrintF(
        "    memory     %-10s %.1f MiB after a quarter, %.1f at the end, at most %.1f; %s\n", who,
        memory.quarter, memory.end, memory.most,
        Verdict(memory.end - memory.quarter < flags_.bar_growth_mib,
                absl::StrCat("bar ", flags_.bar_growth_mib, " MiB more")));
  }

  static void Threads(const char* who, const CpuUse& use) {
    absl::PrintF("    threads    %-10s", who);
    for (size_t i = 0; i < use.threads.size() && i < kThreadsShown; ++i) {
      absl::PrintF("%s %s %.0f%%", i == 0 ? "" : ",", use.threads[i].name,
                   use.threads[i].share * 100);
    }
    absl::PrintF("\n");
  }

  const Flags& flags_;
  bool met_ = true;
};

// The bare stream: its server is a process of its own, its client this one.
class BareStream {
 public:
  static absl::StatusOr<std::unique_ptr<BareStream>> Start(const std::string& self,
                                                           const LogCluster& cluster) {
    const absl::StatusOr<KeyAndCertificate> server = cluster.target().IssueServer();
    if (!server.ok()) return server.status();
    const absl::StatusOr<TlsFiles> files =
        WriteTlsFiles(cluster.folder(), "bare", cluster.target().ca_certificate_pem(), *server);
    if (!files.ok()) return files.status();
    const absl::StatusOr<KeyAndCertificate> client = cluster.target().IssueNode("bare");
    if (!client.ok()) return client.status();
    absl::StatusOr<TlsFiles> tls = WriteTlsFiles(cluster.folder(), "bare-client",
                                                 cluster.target().ca_certificate_pem(), *client);
    if (!tls.ok()) return tls.status();
    std::unique_ptr<BareStream> bare(new BareStream(*std::move(tls)));
    absl::StatusOr<std::unique_ptr<ChildProcess>> child = ChildProcess::Start(
        {self, "--bare-server", files->certificate}, absl::StrCat(cluster.folder(), "/bare.log"));
    if (!child.ok()) return child.status();
    bare->server_ = *std::move(child);
    const absl::StatusOr<std::string> line = bare->server_->WaitForLine("serves");
    if (!line.ok()) return line.status();
    bare->address_ = absl::StrCat("127.0.0.1:", FieldOf(*line, "port"));
    return bare;
  }

  // Adds bytes per second.
  absl::Status Run(size_t message_bytes, double seconds, std::vector<double>* rates) const {
    const absl::StatusOr<double> rate =
        RunBareLogStream(address_, tls_, message_bytes, absl::Seconds(seconds));
    if (rate.ok()) rates->push_back(*rate);
    return rate.status();
  }

 private:
  explicit BareStream(TlsFiles tls) : tls_(std::move(tls)) {}

  const TlsFiles tls_;
  std::string address_;
  std::unique_ptr<ChildProcess> server_;
};

// Data of one message of the Log stream while executions flood it.
size_t MessageBytes() { return agent::LogSenderOptions().max_batch_bytes; }

SourceLoad FullLoad(const Flags& flags, int executions) {
  SourceLoad load;
  load.executions = executions;
  load.lines = std::min(flags.lines / executions, kMaxLinesOfOne);
  return load;
}

SourceLoad HalfLoad(double bytes_per_second, double seconds, int executions) {
  SourceLoad load;
  load.executions = executions;
  load.bytes_per_second = static_cast<int64_t>(bytes_per_second / executions);
  load.lines = std::min(static_cast<int64_t>(static_cast<double>(load.bytes_per_second) * seconds) /
                            static_cast<int64_t>(kLineBytes),
                        kMaxLinesOfOne);
  return load;
}

absl::Status Measure(const Flags& flags, int executions, const BareStream& bare,
                     LogCluster* cluster, Report* report) {
  absl::PrintF("%d execution%s\n", executions, executions == 1 ? "" : "s");
  std::vector<double> bare_rates;
  const size_t message_bytes = MessageBytes();
  const auto run_bare = [&]() -> absl::Status {
    if (!flags.Does("bare")) return absl::OkStatus();
    return bare.Run(message_bytes, flags.bare_seconds, &bare_rates);
  };

  double half = flags.rate * kMiB;
  absl::StatusOr<Phase> full;
  if (absl::Status s = run_bare(); !s.ok()) return s;
  if (flags.Does("full")) {
    full = RunPhase(cluster, FullLoad(flags, executions));
    if (!full.ok()) return full.status();
    if (!flags.short_run) half = full->BytesPerSecond() / 2;
    report->Rate(*full);
    report->Cost(*full);
    report->Whole(*full);
  }
  if (absl::Status s = run_bare(); !s.ok()) return s;
  if (!bare_rates.empty()) report->Bare(message_bytes, bare_rates, full.ok() ? &*full : nullptr);
  if (!flags.Does("half")) return absl::OkStatus();
  const absl::StatusOr<Phase> phase = RunPhase(cluster, HalfLoad(half, flags.seconds, executions));
  if (!phase.ok()) return phase.status();
  report->Lag(*phase);
  report->Cost(*phase);
  report->Whole(*phase);
  return absl::OkStatus();
}

absl::StatusOr<int> Run(const Flags& flags, const std::string& self) {
  const int most = *std::max_element(flags.executions.begin(), flags.executions.end());
  auto cluster = LogCluster::Start(flags.bin, flags.data_dir, most);
  if (!cluster.ok()) return cluster.status();
  const auto bare = BareStream::Start(self, **cluster);
  if (!bare.ok()) return bare.status();
  Report report(flags);
  SourceLoad warm_up;
  warm_up.lines = std::min(kWarmUpLines, flags.lines);
  const absl::StatusOr<Phase> warm = RunPhase(cluster->get(), warm_up);
  if (!warm.ok()) return warm.status();
  for (const int executions : flags.executions) {
    absl::Status measured = Measure(flags, executions, **bare, cluster->get(), &report);
    if (!measured.ok()) return measured;
  }
  if (absl::Status stopped = (*cluster)->Stop(); !stopped.ok()) return stopped;
  return report.met() ? 0 : 1;
}

void Shorten(Flags* flags) {
  flags->executions = {1, 8};
  flags->lines = 200'000;
  flags->seconds = 1;
  flags->bare_seconds = 0.1;
  flags->rate = 2;
}

int ServeBare(const std::string& certificate) {
  BlockShutdownSignals();
  const std::string folder = certificate.substr(0, certificate.rfind('/'));
  const absl::Status served = ServeBareLogStream(
      {absl::StrCat(folder, "/ca.crt"), certificate, absl::StrCat(folder, "/bare.key")});
  if (served.ok()) return 0;
  absl::FPrintF(stderr, "cronium-bench-logs: %s\n", served.ToString());
  return 2;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Measures log delivery from an agent to the durable store and a follower. The jobs are "
      "processes that write lines of 100 bytes.",
      "cronium-bench-logs");
  Flags flags;
  const std::string self = argv[0];
  flags.bin = self.substr(0, self.rfind('/'));
  std::string bare_server;
  app.add_option("--bare-server", bare_server, "")->group("");
  app.add_option("--bin", flags.bin, "Folder of the programs")->capture_default_str();
  app.add_option("--data-dir", flags.data_dir,
                 "Folder in which the data folders are made: the disk is part of the figure")
      ->capture_default_str();
  app.add_option("--executions", flags.executions, "That write at one time; one run for each")
      ->check(CLI::Range(1, 1000))
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--lines", flags.lines, "Of all executions together, at full speed")
      ->check(CLI::Range(int64_t{1000}, int64_t{1'000'000'000}))
      ->capture_default_str();
  app.add_option("--seconds", flags.seconds,
                 "At half load; less where a log would outgrow what is kept of it")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--only", flags.only, "full, half or bare; the rest is left out")
      ->check(CLI::IsMember({"full", "half", "bare"}));
  app.add_option("--rate", flags.rate,
                 "MiB/s of half load, where the full speed was not measured before")
      ->check(CLI::Range(0.01, 10'000.0))
      ->capture_default_str();
  app.add_flag("--short", flags.short_run,
               "Only that every line comes once and is stored: a few seconds, no bars");
  app.add_option("--bar-mib", flags.bar_mib, "Exit status 1 below so many MiB/s")
      ->capture_default_str();
  app.add_option("--bar-lag-ms", flags.bar_lag_ms, "Or where the lag's p99 is not below this")
      ->capture_default_str();
  app.add_option("--bar-growth-mib", flags.bar_growth_mib,
                 "Or where controller or agent grow by so much after a quarter of a load")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  SetLogLevel("error").IgnoreError();
  PrepareGrpc();
  if (!bare_server.empty()) return ServeBare(bare_server);
  if (flags.short_run) Shorten(&flags);
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const absl::StatusOr<int> result = Run(flags, self);
  if (result.ok()) return *result;
  absl::FPrintF(stderr, "cronium-bench-logs: %s\n", result.status().ToString());
  return 2;
}

}  // namespace
}  // namespace cronium::bench

int main(int argc, char** argv) { return cronium::bench::Main(argc, argv); }
