// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/wait_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "tools/cronium/backoff.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/exit_code.h"
#include "tools/cronium/format.h"
#include "tools/cronium/parse.h"

namespace cronium::cli {
namespace {

// As of WatchJobsRequest.job_ids.
constexpr size_t kMostWatched = 1000;

// Cancels after a time, unless it is destroyed before.
class TimeLimit {
 public:
  TimeLimit(absl::Duration limit, Cancellation* target)
      : thread_([this, limit, target] {
          if (over_.Pause(limit)) target->Cancel();
        }) {}
  ~TimeLimit() {
    over_.Cancel();
    thread_.join();
  }

 private:
  Cancellation over_;
  std::thread thread_;
};

absl::Status PrintEnd(CommandContext& context, const v1::Job& job) {
  if (context.output == OutputFormat::kJson) return context.PrintJsonLine(job);
  return context.streams->Out(absl::StrCat(job.id(), " ", DescribeEnd(job), "\n"));
}

// Fills `ended` with all jobs, printing each as its end is seen.
absl::Status WaitForAll(CommandContext& context, Client* client,
                        const std::vector<std::string>& job_ids, Cancellation* stop,
                        std::map<std::string, v1::Job>* ended) {
  Backoff backoff(context.retry_for.value_or(kRetryFollowingFor), context.process.clock,
                  RandomSource());
  bool lost = false;
  while (true) {
    v1::WatchJobsRequest request;
    request.set_namespace_(context.name_space);
    for (const std::string& id : job_ids) {
      if (ended->count(id) == 0) request.add_job_ids(id);
    }
    if (request.job_ids().empty()) return absl::OkStatus();
    absl::Status printed;
    absl::Status status =
        client->WatchJobs(request, stop, [&](const v1::WatchJobsResponse& response) {
          backoff.Reset();
          if (std::exchange(lost, false)) context.streams->Notice("connected again");
          const v1::Job& job = response.job();
          if (IsEnded(job.state()) && ended->emplace(job.id(), job).second) {
            printed = PrintEnd(context, job);
          }
          return printed;
        });
    if (!printed.ok()) return printed;
    if (stop->cancelled()) return absl::CancelledError("");
    if (status.ok()) {
      // The stream ends once all are ended: what is missing then was not among them.
      if (ended->size() == job_ids.size()) return absl::OkStatus();
      status = absl::UnavailableError("the controller ended the stream early");
    }
    if (!IsLostContact(status)) return status;
    const std::optional<absl::Duration> pause = backoff.NextPause();
    if (!pause.has_value()) return status;
    if (!std::exchange(lost, true)) {
      context.streams->Notice(absl::StrCat(Printable(status.message()), "; trying again"));
    }
    if (!stop->Pause(*pause)) return absl::CancelledError("");
  }
}

int Wait(CommandContext& context, std::vector<std::string> job_ids, const std::string& timeout) {
  // The same one twice is one.
  absl::flat_hash_set<std::string> seen;
  job_ids.erase(std::remove_if(job_ids.begin(), job_ids.end(),
                               [&](const std::string& id) { return !seen.insert(id).second; }),
                job_ids.end());
  if (job_ids.size() > kMostWatched) {
    return context.Fail(absl::InvalidArgumentError(
        absl::StrCat(job_ids.size(), " jobs: wait for at most ", kMostWatched, " at a time")));
  }
  std::optional<absl::Duration> limit;
  if (!timeout.empty()) {
    const absl::StatusOr<absl::Duration> parsed = ParseDuration(timeout);
    if (!parsed.ok()) return context.Fail(Annotate(parsed.status(), "--timeout"));
    limit = *parsed;
  }
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());

  Cancellation stop;
  std::optional<TimeLimit> time_limit;
  if (limit.has_value()) time_limit.emplace(*limit, &stop);
  std::map<std::string, v1::Job> ended;
  const absl::Status status = WaitForAll(context, client->get(), job_ids, &stop, &ended);
  if (stop.cancelled()) {
    return context.Fail(absl::DeadlineExceededError(
        absl::StrCat("after ", timeout, ", ", job_ids.size() - ended.size(), " of ", job_ids.size(),
                     job_ids.size() == 1 ? " job has" : " jobs have", " not ended")));
  }
  if (!status.ok()) return context.Fail(status);
  for (const std::string& id : job_ids) {
    if (const int code = ExitCodeOf(ended[id]); code != 0) return code;
  }
  return 0;
}

}  // namespace

void AddWaitCommand(CLI::App* jobs, Command* chosen) {
  CLI::App* wait = jobs->add_subcommand(
      "wait",
      "Wait for the end of jobs; exits as `cronium run` does, for the first that did not succeed");
  auto ids = std::make_shared<std::vector<std::string>>();
  auto timeout = std::make_shared<std::string>();
  wait->add_option("JOB", *ids, "Their ids")->required();
  wait->add_option("--timeout", *timeout,
                   "Wait no longer than this: 90s, 10m; exits with 125 then");
  wait->callback([=] { *chosen = [=](CommandContext& c) { return Wait(c, *ids, *timeout); }; });
}

}  // namespace cronium::cli
