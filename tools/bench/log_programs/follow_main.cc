// SPDX-License-Identifier: Apache-2.0
// cronium-bench-follow: follows the logs of jobs whose sources write bench lines, or reads such
// lines from stdin, checks every byte, and prints what it saw as one line of JSON.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/log.h"
#include "common/rpc/prepare_grpc.h"
#include "tools/bench/log_programs/bench_line.h"
#include "tools/bench/log_programs/follow_result.h"
#include "tools/bench/log_programs/lag_histogram.h"
#include "tools/bench/log_programs/line_check.h"
#include "tools/bench/log_programs/log_follow.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {
namespace {

struct Flags {
  std::string controller;
  std::string data_dir;
  bool dev = false;
  bool from_stdin = false;
  LogFollowOptions follow;
};

double OwnCpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

absl::StatusOr<FollowResult> FollowStdin(int64_t lines) {
  const std::string block = MakeLineBlock();
  LagHistogram lags;
  LineCheck check(&block, &lags);
  std::string buffer(256 * 1024, '\0');
  while (true) {
    const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoError("stdin", "cannot read", errno);
    if (size == 0) break;
    check.Add({buffer.data(), static_cast<size_t>(size)}, RealtimeNs());
  }
  check.End(lines);
  FollowResult result;
  result.counts = check.counts();
  result.SetLags(lags);
  return result;
}

absl::StatusOr<FollowResult> Follow(const Flags& flags) {
  if (flags.from_stdin) return FollowStdin(flags.follow.lines);
  PrepareGrpc();
  const absl::StatusOr<Target> target =
      flags.dev ? Target::Dev(flags.controller) : Target::Tls(flags.controller, flags.data_dir);
  if (!target.ok()) return target.status();
  return FollowJobLogs(*target, flags.follow);
}

int Main(int argc, char** argv) {
  CLI::App app("Follows bench lines, checks them, and prints what it saw", "cronium-bench-follow");
  Flags flags;
  app.add_option("--controller", flags.controller, "HOST:PORT");
  app.add_option("--controller-data-dir", flags.data_dir,
                 "Its data folder, for the CA and the token (not with --dev)");
  app.add_flag("--dev", flags.dev, "Clear text");
  app.add_flag("--stdin", flags.from_stdin, "The lines of one source, from stdin");
  app.add_option("--lines", flags.follow.lines, "That each source writes")->required();
  app.add_flag("--replay", flags.follow.replay, "What is stored of jobs that have ended, not live");
  app.add_option("JOB", flags.follow.job_ids, "Whose logs");
  CLI11_PARSE(app, argc, argv);
  SetLogLevel("error").IgnoreError();
  absl::StatusOr<FollowResult> result = Follow(flags);
  if (!result.ok()) {
    absl::FPrintF(stderr, "cronium-bench-follow: %s\n", result.status().ToString());
    return 1;
  }
  result->cpu_seconds = OwnCpuSeconds();
  absl::PrintF("%s\n", result->ToJson());
  return 0;
}

}  // namespace
}  // namespace cronium::bench

int main(int argc, char** argv) { return cronium::bench::Main(argc, argv); }
