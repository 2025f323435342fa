// SPDX-License-Identifier: Apache-2.0
// cronium-bench-restart: kills a controller under a steady stream of submissions and starts it
// again. Says how long until it places a job, and whether each answered submission is there, once,
// and ended, once.
#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/log.h"
#include "common/rpc/prepare_grpc.h"
#include "common/rpc/status.h"
#include "cronium/v1/job_service.grpc.pb.h"
#include "tools/bench/programs/controller_process.h"
#include "tools/bench/programs/lasting_agent.h"
#include "tools/bench/programs/now_ns.h"
#include "tools/bench/programs/open_load.h"
#include "tools/bench/programs/target.h"

namespace cronium::bench {
namespace {

// What takes longer will not come: a few seconds are usual.
constexpr absl::Duration kPatience = absl::Minutes(2);

struct Flags {
  std::string program;
  std::string data_dir = "/tmp";
  bool dev = false;
  int agents = 20;
  int slots = 64;
  double rate = 1000;
  int restarts = 3;
  double seconds = 3;
};

double Ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }

// When the first execution began since it was armed.
class FirstPlacement {
 public:
  void Arm() { at_ns_ = 0; }
  void Began() {
    int64_t none = 0;
    if (at_ns_.load(std::memory_order_relaxed) == 0) at_ns_.compare_exchange_strong(none, NowNs());
  }
  // Waits for it, for kPatience.
  absl::StatusOr<int64_t> Await() const {
    const int64_t end_ns = NowNs() + absl::ToInt64Nanoseconds(kPatience);
    while (at_ns_ == 0) {
      if (NowNs() > end_ns) {
        return absl::DeadlineExceededError(
            absl::StrCat("no job was placed within ", absl::FormatDuration(kPatience)));
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
    return at_ns_.load();
  }

 private:
  std::atomic<int64_t> at_ns_{0};
};

// All jobs, by request id; an error where one request id has two.
absl::StatusOr<std::map<std::string, v1::Job>> ListAll(const Target& target) {
  const auto stub = v1::JobService::NewStub(target.ClientChannel());
  std::map<std::string, v1::Job> jobs;
  v1::ListJobsRequest request;
  request.set_page_size(1000);
  while (true) {
    grpc::ClientContext context;
    target.IdentifyClient(&context);
    v1::ListJobsResponse response;
    const absl::Status status = FromGrpcStatus(stub->ListJobs(&context, request, &response));
    if (!status.ok()) return status;
    for (const v1::Job& job : response.jobs()) {
      const auto [it, is_new] = jobs.emplace(job.request_id(), job);
      if (!is_new) {
        return absl::InternalError(
            absl::StrCat(job.request_id(), " made ", it->second.id(), " and ", job.id()));
      }
    }
    if (response.next_page_token().empty()) return jobs;
    request.set_page_token(response.next_page_token());
  }
}

// Waits until no job is live, for kPatience.
absl::Status AwaitEnds(const Target& target) {
  const auto stub = v1::JobService::NewStub(target.ClientChannel());
  const int64_t end_ns = NowNs() + absl::ToInt64Nanoseconds(kPatience);
  for (const char* state : {"QUEUED", "RUNNING", "QUEUED"}) {
    while (true) {
      if (NowNs() > end_ns) {
        return absl::DeadlineExceededError(
            absl::StrCat("jobs are still ", state, " after ", absl::FormatDuration(kPatience)));
      }
      grpc::ClientContext context;
      target.IdentifyClient(&context);
      v1::ListJobsRequest request;
      request.set_page_size(1);
      request.set_filter(absl::StrCat("state=", state));
      v1::ListJobsResponse response;
      const absl::Status status = FromGrpcStatus(stub->ListJobs(&context, request, &response));
      if (!status.ok()) return status;
      if (response.jobs_size() == 0) break;
      absl::SleepFor(absl::Milliseconds(20));
    }
  }
  return absl::OkStatus();
}

// What is wrong with the jobs; OK where each submission is one job that ended well in one attempt.
absl::Status Check(const Target& target, const OpenLoad& load) {
  const absl::StatusOr<std::map<std::string, v1::Job>> jobs = ListAll(target);
  if (!jobs.ok()) return jobs.status();
  for (size_t number = 0; number < load.job_ids().size(); ++number) {
    const std::string request_id = OpenLoad::RequestId(static_cast<int64_t>(number));
    const auto found = jobs->find(request_id);
    if (found == jobs->end() || found->second.id() != load.job_ids()[number]) {
      return absl::InternalError(
          absl::StrCat(request_id, " was answered with ", load.job_ids()[number], ", and there is ",
                       found == jobs->end() ? "no such job" : found->second.id()));
    }
    const v1::Job& job = found->second;
    if (job.state() != v1::JOB_STATE_SUCCEEDED || job.attempt() != 1) {
      return absl::InternalError(absl::StrCat(job.id(), " is ", v1::JobState_Name(job.state()),
                                              " after ", job.attempt(), " attempts"));
    }
  }
  if (jobs->size() == load.job_ids().size()) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(jobs->size(), " jobs came of ", load.job_ids().size(), " submissions"));
}

absl::Status Run(const Flags& flags) {
  auto controller = ControllerProcess::Start(flags.program, flags.data_dir, flags.dev);
  if (!controller.ok()) return controller.status();
  absl::StatusOr<Target> target =
      flags.dev ? Target::Dev((*controller)->address())
                : Target::Tls((*controller)->address(), (*controller)->data_dir());
  if (!target.ok()) return target.status();
  FirstPlacement placement;
  std::vector<std::unique_ptr<LastingAgent>> agents;
  for (int i = 0; i < flags.agents; ++i) {
    agents.push_back(std::make_unique<LastingAgent>(&*target, absl::StrCat("bench-", i),
                                                    flags.slots, [&] { placement.Began(); }));
    agents.back()->Start();
  }
  OpenLoad load(&*target, flags.rate);
  load.Start();
  if (const auto placed = placement.Await(); !placed.ok()) return placed.status();
  for (int restart = 1; restart <= flags.restarts; ++restart) {
    absl::SleepFor(absl::Seconds(flags.seconds));
    (*controller)->Kill();
    const OpenLoad::Counts counts = load.counts();
    placement.Arm();
    const int64_t start_ns = NowNs();
    if (absl::Status status = (*controller)->StartAgain(); !status.ok()) return status;
    const int64_t serves_ns = NowNs();
    const absl::StatusOr<int64_t> placed_ns = placement.Await();
    if (!placed_ns.ok()) return placed_ns.status();
    absl::PrintF(
        "restart %d  killed with %d submissions answered and %d not; from the new process's start "
        "%.0f ms until it serves, %.0f ms until it places a job\n",
        restart, counts.answered, counts.submitted - counts.answered, Ms(serves_ns - start_ns),
        Ms(*placed_ns - start_ns));
  }
  absl::SleepFor(absl::Seconds(flags.seconds));
  if (absl::Status status = load.Finish(); !status.ok()) return status;
  const OpenLoad::Counts counts = load.counts();
  absl::PrintF(
      "load       %.0f submissions/s (%.0f wanted) for %.1f s over %d agents, %s; %d calls "
      "were made again\n",
      static_cast<double>(counts.submitted) / absl::ToDoubleSeconds(load.time()), flags.rate,
      absl::ToDoubleSeconds(load.time()), flags.agents, flags.dev ? "clear text" : "mutual TLS",
      counts.repeated);
  if (absl::Status status = AwaitEnds(*target); !status.ok()) return status;
  if (absl::Status status = Check(*target, load); !status.ok()) return status;
  int64_t begun = 0;
  int64_t twice = 0;
  for (const auto& agent : agents) {
    agent->Stop();
    begun += agent->begun();
    twice += agent->begun_twice();
  }
  if (twice > 0 || begun != counts.submitted) {
    return absl::InternalError(absl::StrCat(begun, " executions were begun for ", counts.submitted,
                                            " jobs, ", twice, " of them twice"));
  }
  absl::PrintF("jobs       %d answered, all there, none twice; all ended in their first attempt\n",
               counts.answered);
  return (*controller)->Stop();
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Kills a controller under a steady stream of submissions, starts it again, and checks that "
      "each answered submission is one job that ran once",
      "cronium-bench-restart");
  Flags flags;
  // The controller that was built with this program.
  flags.program =
      std::string(argv[0]).substr(0, std::string(argv[0]).rfind('/') + 1) + "cronium-controller";
  bool is_short = false;
  app.add_option("--program", flags.program, "cronium-controller to kill")->capture_default_str();
  app.add_option("--data-dir", flags.data_dir,
                 "Folder in which its data folder is made: the disk is part of the figure")
      ->capture_default_str();
  app.add_flag("--dev", flags.dev, "Clear text instead of mutual TLS");
  app.add_option("--agents", flags.agents, "Sessions")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--slots", flags.slots, "Jobs at one time on each")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--rate", flags.rate, "Submissions a second")
      ->check(CLI::Range(1.0, 100'000.0))
      ->capture_default_str();
  app.add_option("--restarts", flags.restarts, "Kills")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--seconds", flags.seconds, "Before each kill, and after the last")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_flag("--short", is_short, "That it works: one kill and half the time");
  CLI11_PARSE(app, argc, argv);
  if (is_short) {
    flags.restarts = 1;
    flags.seconds = 1.5;
  }
  SetLogLevel("error").IgnoreError();
  PrepareGrpc();
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const absl::Status status = Run(flags);
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "cronium-bench-restart: %s\n", status.ToString());
  return absl::IsInternal(status) ? 1 : 2;
}

}  // namespace
}  // namespace cronium::bench

int main(int argc, char** argv) { return cronium::bench::Main(argc, argv); }
