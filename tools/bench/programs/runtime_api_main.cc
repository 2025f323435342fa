// SPDX-License-Identifier: Apache-2.0
// cronium-bench-runtime-api: how fast scripts read and set variables through gateway and
// controller, against a bare HTTP handler and a bare gRPC echo in the same run.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/log.h"
#include "common/rpc/prepare_grpc.h"
#include "common/shutdown.h"
#include "tools/bench/programs/bare_servers.h"
#include "tools/bench/programs/controller_process.h"
#include "tools/bench/programs/gateway_process.h"
#include "tools/bench/programs/grpc_load.h"
#include "tools/bench/programs/held_execution.h"
#include "tools/bench/programs/helper_start.h"
#include "tools/bench/programs/http_load.h"
#include "tools/bench/programs/process_cpu.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {
namespace {

constexpr char kNode[] = "bench";
constexpr int kKeys = 64;
// As the gateway's own default.
constexpr int kHttpLoops = 2;

struct Flags {
  // Folder of cronium-controller, cronium-runtime-gateway, cronium-helper and this program.
  std::string bin;
  std::string data_dir = "/tmp";
  std::vector<int> connections = {1, 64, 1000};
  int rounds = 3;
  double seconds = 2;
  double rate = 1000;
  double rate_seconds = 10;
  int rate_connections = 64;
  int value_bytes = 100;
  int helper_runs = 200;
  bool no_bars = false;
  bool short_run = false;
  // Only this row, for a profile: "GET", "PUT", "HTTP" or "gRPC".
  std::string only;
  double bar_p99_ms = 2;
  double bar_ratio = 0.5;
  double bar_helper_ms = 3;
  double bar_helper_mib = 3;
};

// What is measured, in the order of the table.
enum class Row { kGet, kPut, kBareHttp, kBareGrpc };
constexpr std::pair<Row, const char*> kRows[] = {
    {Row::kGet, "GET"}, {Row::kPut, "PUT"}, {Row::kBareHttp, "HTTP"}, {Row::kBareGrpc, "gRPC"}};

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

// What one cell of the table showed, by round.
struct Cell {
  std::vector<double> rates, p50_ms, p99_ms;

  void Add(LoadResult result) {
    rates.push_back(result.PerSecond());
    p50_ms.push_back(result.PercentileMs(0.5));
    p99_ms.push_back(result.PercentileMs(0.99));
  }
  double rate() const { return Median(rates); }
};

// Everything that runs while it is measured: controller, gateway, an execution, and the two bare
// servers.
class Bed {
 public:
  static absl::StatusOr<std::unique_ptr<Bed>> Make(const Flags& flags) {
    std::unique_ptr<Bed> bed(new Bed(flags));
    if (absl::Status status = bed->StartCluster(); !status.ok()) return status;
    if (absl::Status status = bed->StartBare(); !status.ok()) return status;
    bed->MakeRequests();
    return bed;
  }

  absl::StatusOr<LoadResult> Run(Row row, int connections, absl::Duration duration) const {
    const absl::Duration warmup = duration / 4;
    if (row == Row::kBareGrpc) {
      GrpcLoadOptions options;
      options.channel = bare_grpc_channel_;
      options.calls_under_way = connections;
      options.warmup = warmup;
      options.duration = duration;
      options.request.set_key("bench/00");
      return RunGrpcLoad(options);
    }
    HttpLoadOptions options = HttpOptions(row);
    options.connections = connections;
    options.warmup = warmup;
    options.duration = duration;
    return RunHttpLoad(options);
  }

  absl::StatusOr<LoadResult> RunAtRate(Row row) const {
    HttpLoadOptions options = HttpOptions(row);
    options.connections = flags_.rate_connections;
    options.rate = flags_.rate;
    options.warmup = absl::Seconds(std::min(1.0, flags_.rate_seconds / 4));
    options.duration = absl::Seconds(flags_.rate_seconds);
    return RunHttpLoad(options);
  }

  // Sets every key once, so that each read finds one.
  absl::Status Fill() const {
    HttpLoadOptions options = HttpOptions(Row::kPut);
    options.warmup = absl::ZeroDuration();
    options.duration = absl::Milliseconds(500);
    while (true) {
      const absl::StatusOr<LoadResult> result = RunHttpLoad(options);
      if (!result.ok() || result->latencies_ns.size() >= kKeys) return result.status();
      // A machine that is slow, or busy.
      options.duration *= 2;
    }
  }

  absl::Status Stop() {
    if (absl::Status status = execution_->status(); !status.ok()) return status;
    execution_.reset();
    if (absl::Status status = gateway_->Stop(); !status.ok()) return status;
    return controller_->Stop();
  }

  pid_t controller_pid() const { return controller_->pid(); }
  pid_t gateway_pid() const { return gateway_->pid(); }

 private:
  explicit Bed(const Flags& flags) : flags_(flags) {}

  absl::Status StartCluster() {
    auto controller =
        ControllerProcess::Start(flags_.bin + "cronium-controller", flags_.data_dir, false);
    if (!controller.ok()) return controller.status();
    controller_ = *std::move(controller);
    absl::StatusOr<Target> target = Target::Tls(controller_->address(), controller_->data_dir());
    if (!target.ok()) return target.status();
    target_ = std::make_unique<Target>(*std::move(target));
    auto gateway = GatewayProcess::Start(
        flags_.bin + "cronium-runtime-gateway", flags_.data_dir, *target_, kNode,
        {"--rate-limit-per-minute", "0", "--threads", absl::StrCat(kHttpLoops), "--max-connections",
         absl::StrCat(MaxConnections()), "--log-level", "info"});
    if (!gateway.ok()) return gateway.status();
    gateway_ = *std::move(gateway);
    auto execution = HeldExecution::Start(target_.get(), kNode);
    if (!execution.ok()) return execution.status();
    execution_ = *std::move(execution);
    return absl::OkStatus();
  }

  absl::Status StartBare() {
    auto folder = TemporaryFolder::Make(flags_.data_dir);
    if (!folder.ok()) return folder.status();
    folder_ = *std::move(folder);
    const std::string& path = folder_->path();
    const absl::StatusOr<KeyAndCertificate> identity = target_->IssueServer();
    if (!identity.ok()) return identity.status();
    for (const auto& [name, content] : {std::pair{"/ca.crt", target_->ca_certificate_pem()},
                                        std::pair{"/server.crt", identity->certificate_pem},
                                        std::pair{"/server.key", identity->key_pem}}) {
      absl::Status written = WriteFileAtomic(path + name, content, 0600);
      if (!written.ok()) return written;
    }
    const std::string self = flags_.bin + "cronium-bench-runtime-api";
    const std::string value_bytes = absl::StrCat(flags_.value_bytes);
    auto http =
        ChildProcess::Start({self, "--bare-http", path + "/http.sock", "--value-bytes", value_bytes,
                             "--max-connections", absl::StrCat(MaxConnections())},
                            path + "/http.log");
    if (!http.ok()) return http.status();
    bare_http_ = *std::move(http);
    auto grpc = ChildProcess::Start({self, "--bare-grpc", path, "--value-bytes", value_bytes},
                                    path + "/grpc.log");
    if (!grpc.ok()) return grpc.status();
    bare_grpc_ = *std::move(grpc);
    if (const auto line = bare_http_->WaitForLine("serves"); !line.ok()) return line.status();
    const absl::StatusOr<std::string> line = bare_grpc_->WaitForLine("serves");
    if (!line.ok()) return line.status();
    absl::StatusOr<Target> target =
        Target::Tls(absl::StrCat("127.0.0.1:", FieldOf(*line, "port")), controller_->data_dir());
    if (!target.ok()) return target.status();
    auto channel = target->NodeChannel(kNode);
    if (!channel.ok()) return channel.status();
    bare_grpc_channel_ = *std::move(channel);
    return absl::OkStatus();
  }

  int MaxConnections() const {
    return *std::max_element(flags_.connections.begin(), flags_.connections.end()) * 2 + 128;
  }

  void MakeRequests() {
    const std::string body =
        absl::StrCat(R"({"value":")", std::string(flags_.value_bytes, 'v'), R"("})");
    for (int key = 0; key < kKeys; ++key) {
      const std::string target =
          absl::StrFormat("/executions/%s/variables/bench/%02d", execution_->id(), key);
      const std::string head =
          absl::StrCat(" ", target, " HTTP/1.1\r\nHost: runtime-api:8081\r\nAuthorization: Bearer ",
                       execution_->token(), "\r\n");
      gets_.push_back(absl::StrCat("GET", head, "\r\n"));
      puts_.push_back(absl::StrCat(
          "PUT", head, "Content-Type: application/json\r\nContent-Length: ", body.size(),
          "\r\n\r\n", body));
    }
  }

  HttpLoadOptions HttpOptions(Row row) const {
    HttpLoadOptions options;
    options.socket = row == Row::kBareHttp ? folder_->path() + "/http.sock" : gateway_->socket();
    const std::vector<std::string>& requests = row == Row::kPut ? puts_ : gets_;
    options.request = [&requests](int64_t n) -> const std::string& { return requests[n % kKeys]; };
    return options;
  }

  const Flags& flags_;
  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<ControllerProcess> controller_;
  std::unique_ptr<Target> target_;
  std::unique_ptr<GatewayProcess> gateway_;
  std::unique_ptr<HeldExecution> execution_;
  std::unique_ptr<ChildProcess> bare_http_;
  std::unique_ptr<ChildProcess> bare_grpc_;
  std::shared_ptr<grpc::Channel> bare_grpc_channel_;
  std::vector<std::string> gets_, puts_;
};

using Table = std::map<std::pair<Row, int>, Cell>;

const char* NameOf(Row row) {
  for (const auto& [candidate, name] : kRows) {
    if (candidate == row) return name;
  }
  return "";
}

const char* WhatIs(Row row) {
  switch (row) {
    case Row::kGet:
      return "GET variable ";
    case Row::kPut:
      return "PUT variable ";
    case Row::kBareHttp:
      return "bare HTTP    ";
    case Row::kBareGrpc:
      return "bare gRPC    ";
  }
  return "";
}

// All cells once in each round, so that what else the machine does falls on all of them.
absl::StatusOr<Table> MeasureTable(const Flags& flags, const Bed& bed) {
  Table table;
  for (int round = 0; round < flags.rounds; ++round) {
    for (const int connections : flags.connections) {
      for (const auto& [row, name] : kRows) {
        if (!flags.only.empty() && flags.only != name) continue;
        absl::StatusOr<LoadResult> result = bed.Run(row, connections, absl::Seconds(flags.seconds));
        if (!result.ok()) {
          return absl::Status(result.status().code(),
                              absl::StrCat(NameOf(row), " at ", connections,
                                           " connections: ", result.status().message()));
        }
        table[{row, connections}].Add(*std::move(result));
      }
    }
  }
  return table;
}

void PrintTable(const Table& table) {
  absl::PrintF("%s  %11s  %10s  %8s  %8s\n", "             ", "connections", "answers/s", "p50 ms",
               "p99 ms");
  for (const auto& [where, cell] : table) {
    absl::PrintF("%s  %11d  %10.0f  %8.3f  %8.3f\n", WhatIs(where.first), where.second, cell.rate(),
                 Median(cell.p50_ms), Median(cell.p99_ms));
  }
}

double Peak(const Table& table, Row row) {
  double peak = 0;
  for (const auto& [where, cell] : table) {
    if (where.first == row) peak = std::max(peak, cell.rate());
  }
  return peak;
}

// One line that names a bar; false where it is missed.
bool Check(const Flags& flags, const char* what, double value, double bar, bool at_most) {
  const bool met = at_most ? value <= bar : value >= bar;
  absl::PrintF("%-46s %8.2f  bar %s %.2f: %s\n", what, value, at_most ? "<=" : ">=", bar,
               met ? "met" : "MISSED");
  return met || flags.no_bars;
}

bool CheckPeak(const Flags& flags, const Table& table) {
  const double reads = Peak(table, Row::kGet);
  const double slower = std::min(Peak(table, Row::kBareHttp), Peak(table, Row::kBareGrpc));
  absl::PrintF(
      "peaks: GET %.0f/s, PUT %.0f/s (each committed), bare HTTP %.0f/s, bare gRPC %.0f/s\n", reads,
      Peak(table, Row::kPut), Peak(table, Row::kBareHttp), Peak(table, Row::kBareGrpc));
  return Check(flags, "peak reads / slower bare peak", slower > 0 ? reads / slower : 0,
               flags.bar_ratio, /*at_most=*/false);
}

void PrintCpu(const Flags& flags, const CpuUse& gateway, const CpuUse& controller,
              const CpuUse& own) {
  absl::PrintF(
      "CPUs at %.0f/s: gateway %.2f, controller %.2f, load %.2f, others %.2f, idle %.2f\n",
      flags.rate, gateway.process, controller.process, own.process,
      std::max(0.0, gateway.machine_busy - gateway.process - controller.process - own.process),
      gateway.machine_idle + gateway.machine_io_wait);
}

absl::StatusOr<bool> CheckRate(const Flags& flags, const Bed& bed) {
  bool good = true;
  for (const Row row : {Row::kGet, Row::kPut}) {
    const CpuSample gateway = SampleCpu(bed.gateway_pid());
    const CpuSample controller = SampleCpu(bed.controller_pid());
    const CpuSample own = SampleCpu(getpid());
    absl::StatusOr<LoadResult> result = bed.RunAtRate(row);
    if (!result.ok()) return result.status();
    PrintCpu(flags, UseBetween(gateway, SampleCpu(bed.gateway_pid())),
             UseBetween(controller, SampleCpu(bed.controller_pid())),
             UseBetween(own, SampleCpu(getpid())));
    absl::PrintF("%s at %.0f/s: p50 %.3f ms, p99 %.3f ms, worst %.3f ms of %d\n", NameOf(row),
                 flags.rate, result->PercentileMs(0.5), result->PercentileMs(0.99),
                 result->PercentileMs(1), static_cast<int>(result->latencies_ns.size()));
    const std::string what = absl::StrCat("p99 of ", NameOf(row), " from its intended time, ms");
    good &= Check(flags, what.c_str(), result->PercentileMs(0.99), flags.bar_p99_ms, true);
  }
  return good;
}

absl::StatusOr<bool> CheckHelper(const Flags& flags) {
  absl::StatusOr<HelperStart> helper =
      MeasureHelperStart(flags.bin + "cronium-helper", flags.helper_runs);
  if (!helper.ok()) return helper.status();
  bool good = Check(flags, "size of cronium-helper, MB", static_cast<double>(helper->bytes) / 1e6,
                    flags.bar_helper_mib, true);
  good &= Check(flags, "its start and end (cronium_info), median, ms",
                helper->runs.PercentileMs(0.5), flags.bar_helper_ms, true);
  return good;
}

absl::StatusOr<int> Run(const Flags& flags) {
  absl::StatusOr<std::unique_ptr<Bed>> bed = Bed::Make(flags);
  if (!bed.ok()) return bed.status();
  if (absl::Status filled = (*bed)->Fill(); !filled.ok()) return filled;
  const absl::StatusOr<Table> table = MeasureTable(flags, **bed);
  if (!table.ok()) return table.status();
  PrintTable(*table);
  bool good = true;
  if (flags.only.empty()) {
    good = CheckPeak(flags, *table);
    const absl::StatusOr<bool> rate = CheckRate(flags, **bed);
    if (!rate.ok()) return rate.status();
    const absl::StatusOr<bool> helper = CheckHelper(flags);
    if (!helper.ok()) return helper.status();
    good = good && *rate && *helper;
  }
  if (absl::Status stopped = (*bed)->Stop(); !stopped.ok()) return stopped;
  return good ? 0 : 1;
}

void AddOptions(CLI::App* app, Flags* flags) {
  app->add_option("--data-dir", flags->data_dir,
                  "Folder in which data folders are made: the disk is part of the figures of PUT")
      ->capture_default_str();
  app->add_option("--connections", flags->connections, "Numbers of connections")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app->add_option("--rounds", flags->rounds, "How often each cell is measured; medians are shown")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app->add_option("--seconds", flags->seconds, "That a cell is measured for in each round")
      ->check(CLI::Range(0.05, 600.0))
      ->capture_default_str();
  app->add_option("--rate", flags->rate, "Requests a second of the run whose p99 has a bar")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  app->add_option("--rate-seconds", flags->rate_seconds, "That run's length")
      ->check(CLI::Range(0.05, 600.0))
      ->capture_default_str();
  app->add_option("--value-bytes", flags->value_bytes, "Size of each value")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app->add_option("--only", flags->only, "Only this row, without bars: GET, PUT, HTTP or gRPC")
      ->check(CLI::IsMember({"GET", "PUT", "HTTP", "gRPC"}));
  app->add_flag("--no-bars", flags->no_bars, "Exit status 0 also where a bar is missed");
  app->add_flag("--short", flags->short_run,
                "Shows in a few seconds that all of it works; the figures mean nothing");
}

int Main(int argc, char** argv) {
  CLI::App app("Measures variables of the runtime API through gateway and controller",
               "cronium-bench-runtime-api");
  Flags flags;
  flags.bin = std::string(argv[0]).substr(0, std::string(argv[0]).rfind('/') + 1);
  AddOptions(&app, &flags);
  // How it starts the servers that it compares with.
  std::string bare_http, bare_grpc;
  int max_connections = 1024;
  app.add_option("--bare-http", bare_http, "")->group("");
  app.add_option("--bare-grpc", bare_grpc, "")->group("");
  app.add_option("--max-connections", max_connections, "")->group("");
  CLI11_PARSE(app, argc, argv);
  SetLogLevel("error").IgnoreError();
  PrepareGrpc();
  const std::string value = absl::StrCat("\"", std::string(flags.value_bytes, 'v'), "\"");
  absl::StatusOr<int> result = 0;
  if (!bare_http.empty()) {
    BlockShutdownSignals();
    const std::string answer =
        absl::StrCat(R"({"success":true,"data":{"key":"bench/00","value":)", value, "}}");
    if (auto s = ServeBareHttp(bare_http, kHttpLoops, max_connections, answer); !s.ok()) result = s;
  } else if (!bare_grpc.empty()) {
    BlockShutdownSignals();
    const TlsFiles tls = {bare_grpc + "/ca.crt", bare_grpc + "/server.crt",
                          bare_grpc + "/server.key"};
    if (auto s = ServeBareGrpc(tls, value); !s.ok()) result = s;
  } else {
    if (flags.short_run) {
      flags.rounds = 1;
      flags.seconds = flags.rate_seconds = 0.2;
      flags.helper_runs = 5;
      flags.no_bars = true;
    }
    setvbuf(stdout, nullptr, _IOLBF, 0);
    result = Run(flags);
  }
  if (result.ok()) return *result;
  absl::FPrintF(stderr, "cronium-bench-runtime-api: %s\n", result.status().ToString());
  return 2;
}

}  // namespace
}  // namespace cronium::bench

int main(int argc, char** argv) { return cronium::bench::Main(argc, argv); }
