// SPDX-License-Identifier: Apache-2.0
// cronium-sim: runs simulated clusters, one from each seed. See README.md.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/log.h"
#include "common/protocol_rules.h"
#include "common/token/token.h"
#include "tests/sim/world.h"

namespace cronium::sim {
namespace {

constexpr char kUsage[] =
    R"(cronium-sim [--seeds N] [--first N] [--jobs N] [--seed N [--trace]]
            [--bug NAME [--expect-violation]] [--least-per-rule N] [--twice]

  --seeds N            run seeds first .. first + N - 1 (default 100)
  --first N            (default 1)
  --seed N             run this one alone
  --jobs N             processes (default: one per core)
  --trace              print all that happens
  --bug NAME           with this defect: answer-before-commit, lease-wrong-way-round, seam-off-by-one,
                       replayed-report, session-not-fenced, terminal-before-log
  --expect-violation   fail unless a seed finds a violation
  --least-per-rule N   fail where a rule of docs/protocol.md was exercised less often
  --twice              run each seed a second time and fail unless it goes the same way
)";

const std::map<std::string, Bug>& Bugs() {
  static const auto* bugs = new std::map<std::string, Bug>{
      {"answer-before-commit", Bug::kAnswerBeforeCommit},
      {"lease-wrong-way-round", Bug::kLeaseWrongWayRound},
      {"seam-off-by-one", Bug::kSeamOffByOne},
      {"replayed-report", Bug::kReplayedReport},
      {"session-not-fenced", Bug::kSessionNotFenced},
      {"terminal-before-log", Bug::kTerminalBeforeLog},
  };
  return *bugs;
}

struct Options {
  uint64_t first = 1;
  uint64_t jobs = std::max(1u, std::thread::hardware_concurrency());
  uint64_t seeds = 100;
  bool trace = false;
  bool twice = false;
  bool expect_violation = false;
  uint64_t least_per_rule = 0;
  std::string bug_name;
  Bug bug = Bug::kNone;
};

[[noreturn]] void Usage(const std::string& problem) {
  absl::FPrintF(stderr, "cronium-sim: %s\n%s", problem, kUsage);
  exit(2);
}

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto number = [&] {
      uint64_t value = 0;
      if (++i >= argc || !absl::SimpleAtoi(argv[i], &value)) Usage(flag + " needs a number");
      return value;
    };
    if (flag == "--seeds") {
      options.seeds = number();
    } else if (flag == "--first") {
      options.first = number();
    } else if (flag == "--seed") {
      options.first = number();
      options.seeds = 1;
      options.jobs = 1;
    } else if (flag == "--jobs") {
      options.jobs = std::max<uint64_t>(1, number());
    } else if (flag == "--trace") {
      options.trace = true;
    } else if (flag == "--twice") {
      options.twice = true;
    } else if (flag == "--expect-violation") {
      options.expect_violation = true;
    } else if (flag == "--least-per-rule") {
      options.least_per_rule = number();
    } else if (flag == "--bug") {
      if (++i >= argc || !Bugs().contains(argv[i])) Usage("--bug needs the name of one");
      options.bug_name = argv[i];
      options.bug = Bugs().at(argv[i]);
    } else {
      Usage("unknown flag " + flag);
    }
  }
  return options;
}

// What one worker process has done, in memory that all share.
struct Totals {
  uint64_t events;
  uint64_t jobs;
  int64_t simulated_ns;
  uint64_t violations;
  RuleCounts rules;
};

// The run's fingerprint; throws Violation.
uint64_t RunSeed(const Options& options, uint64_t seed, bool trace, const std::string& folder,
                 const controller::ExecutionTokens* tokens, Totals* totals) {
  World world(
      {.seed = seed, .trace = trace, .bug = options.bug, .folder = folder, .tokens = tokens});
  world.Run();
  totals->events += world.events();
  totals->jobs += world.jobs();
  totals->simulated_ns += absl::ToInt64Nanoseconds(world.time());
  return world.fingerprint();
}

void PrintFailure(const Options& options, uint64_t seed, const char* what) {
  absl::PrintF("seed %d: VIOLATION %s\n  see it: cronium-sim --seed %d --trace%s\n", seed, what,
               seed, options.bug_name.empty() ? "" : " --bug " + options.bug_name);
  fflush(stdout);
}

// Every jobs-th seed, from first + worker on.
void RunWorker(const Options& options, uint64_t worker, Totals* totals) {
  // Millions of lines of what is meant to go wrong.
  if (!SetLogLevel("off").ok()) abort();
  const std::string folder = absl::StrCat(
      std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp", "/cronium-sim-", getpid());
  const auto tokens = controller::ExecutionTokens::Create(*TokenSigner::GenerateKeyPem());
  CountRulesIn(&totals->rules);
  for (uint64_t seed = options.first + worker; seed < options.first + options.seeds;
       seed += options.jobs) {
    try {
      const uint64_t once = RunSeed(options, seed, options.trace, folder, tokens->get(), totals);
      if (options.twice && RunSeed(options, seed, false, folder, tokens->get(), totals) != once) {
        throw Violation("a second run of the same seed went another way");
      }
    } catch (const Violation& violation) {
      ++totals->violations;
      PrintFailure(options, seed, violation.what());
      if (options.expect_violation || totals->violations >= 10) break;
    }
  }
  std::filesystem::remove_all(folder);
}

// False where a worker died.
bool RunAll(const Options& options, Totals* totals) {
  if (options.jobs == 1) {
    RunWorker(options, 0, totals);
    return true;
  }
  std::vector<pid_t> workers;
  for (uint64_t worker = 0; worker < options.jobs; ++worker) {
    const pid_t pid = fork();
    if (pid == 0) {
      RunWorker(options, worker, totals + worker);
      fflush(stdout);
      _exit(0);
    }
    workers.push_back(pid);
  }
  bool fine = true;
  for (const pid_t pid : workers) {
    int status = 0;
    waitpid(pid, &status, 0);
    fine = fine && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return fine;
}

uint64_t CountTooFew(const RuleCounts& counts, uint64_t least) {
  uint64_t too_few = 0;
  for (size_t rule = 1; rule < counts.size(); ++rule) {
    const bool few = counts[rule] < least;
    absl::PrintF("P%d: %d%s\n", rule, counts[rule], few ? "  TOO FEW" : "");
    if (few) ++too_few;
  }
  return too_few;
}

int Main(int argc, char** argv) {
  const Options options = Parse(argc, argv);
  auto* totals =
      static_cast<Totals*>(mmap(nullptr, options.jobs * sizeof(Totals), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (totals == MAP_FAILED) return 2;
  const auto start = std::chrono::steady_clock::now();
  const bool fine = RunAll(options, totals);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  Totals sum{};
  for (uint64_t worker = 0; worker < options.jobs; ++worker) {
    sum.events += totals[worker].events;
    sum.jobs += totals[worker].jobs;
    sum.simulated_ns += totals[worker].simulated_ns;
    sum.violations += totals[worker].violations;
    for (size_t i = 0; i < sum.rules.size(); ++i) sum.rules[i] += totals[worker].rules[i];
  }
  const uint64_t too_few =
      options.least_per_rule > 0 ? CountTooFew(sum.rules, options.least_per_rule) : 0;
  absl::PrintF(
      "%d seeds in %.1f s: %.0f seeds per minute; %d jobs, %d events, %.0f hours simulated, "
      "%d violations\n",
      options.seeds, seconds, static_cast<double>(options.seeds) * 60 / seconds, sum.jobs,
      sum.events, static_cast<double>(sum.simulated_ns) / 3.6e12, sum.violations);
  if (!fine) return 1;
  if (options.expect_violation) return sum.violations > 0 ? 0 : 1;
  return sum.violations == 0 && too_few == 0 ? 0 : 1;
}

}  // namespace
}  // namespace cronium::sim

int main(int argc, char** argv) { return cronium::sim::Main(argc, argv); }
