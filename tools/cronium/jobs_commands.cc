// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/jobs_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/format.h"
#include "tools/cronium/parse.h"
#include "tools/cronium/views.h"
#include "tools/cronium/wait_command.h"

namespace cronium::cli {
namespace {

constexpr int kLargestPage = 1000;

struct ListFlags {
  JobFilterFlags filter;
  uint32_t limit = 50;
};

int ListJobs(CommandContext& context, const ListFlags& flags) {
  const absl::StatusOr<std::string> filter = MakeJobFilter(flags.filter);
  if (!filter.ok()) return context.Fail(filter.status());
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());

  v1::ListJobsResponse all;
  v1::ListJobsRequest request;
  request.set_namespace_(context.name_space);
  request.set_filter(*filter);
  do {
    const uint32_t left = flags.limit - static_cast<uint32_t>(all.jobs_size());
    request.set_page_size(
        flags.limit == 0 ? kLargestPage : static_cast<int>(std::min<uint32_t>(left, kLargestPage)));
    absl::StatusOr<v1::ListJobsResponse> page = (*client)->ListJobs(request);
    if (!page.ok()) return context.Fail(page.status());
    for (v1::Job& job : *page->mutable_jobs()) *all.add_jobs() = std::move(job);
    all.set_next_page_token(page->next_page_token());
    request.set_page_token(page->next_page_token());
  } while (!all.next_page_token().empty() &&
           (flags.limit == 0 || static_cast<uint32_t>(all.jobs_size()) < flags.limit));

  const absl::Status printed =
      context.output == OutputFormat::kJson
          ? context.PrintJson(all)
          : context.streams->Out(JobsTable(all, context.process.clock->Now()));
  if (!printed.ok()) return context.Fail(printed);
  if (context.output == OutputFormat::kText && !all.next_page_token().empty()) {
    context.streams->Notice(absl::StrCat("these are the newest ", flags.limit,
                                         ": --limit shows more, and --limit 0 all"));
  }
  return 0;
}

int GetJob(CommandContext& context, const std::string& job_id) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::GetJobRequest request;
  request.set_job_id(job_id);
  request.set_include_executions(true);
  const absl::StatusOr<v1::GetJobResponse> response = (*client)->GetJob(request);
  if (!response.ok()) return context.Fail(response.status());
  const absl::Status printed =
      context.output == OutputFormat::kJson
          ? context.PrintJson(*response)
          : context.streams->Out(JobDetails(*response, context.process.clock->Now()));
  return printed.ok() ? 0 : context.Fail(printed);
}

// Every job is tried; the first failure decides the status to exit with.
int Cancel(CommandContext& context, const std::vector<std::string>& job_ids,
           const std::string& reason) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  int exit_code = 0;
  for (const std::string& job_id : job_ids) {
    v1::CancelJobRequest request;
    request.set_job_id(job_id);
    request.set_reason(reason);
    const absl::StatusOr<v1::CancelJobResponse> response = (*client)->CancelJob(request);
    absl::Status printed = response.status();
    if (response.ok() && context.output == OutputFormat::kJson) {
      printed = context.PrintJsonLine(response->job());
    } else if (response.ok()) {
      const v1::Job& job = response->job();
      printed = context.streams->Out(absl::StrCat(job.id(), " ", Word(job.state()),
                                                  IsEnded(job.state()) ? "" : ", will be cancelled",
                                                  "\n"));
    }
    if (!printed.ok()) exit_code = context.Fail(Annotate(printed, job_id));
  }
  return exit_code;
}

int Result(CommandContext& context, const std::string& job_id) {
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::GetJobResultRequest request;
  request.set_job_id(job_id);
  const absl::StatusOr<v1::GetJobResultResponse> response = (*client)->GetJobResult(request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.output == OutputFormat::kJson) {
    const absl::Status printed = context.PrintJson(response->result());
    return printed.ok() ? 0 : context.Fail(printed);
  }
  const absl::Status printed = context.streams->Out(response->result().text());
  if (!printed.ok()) return context.Fail(printed);
  context.streams->Notice(ResultSummary(response->result()));
  return 0;
}

}  // namespace

absl::StatusOr<std::string> MakeJobFilter(const JobFilterFlags& flags) {
  std::vector<std::string> terms;
  if (!flags.state.empty()) {
    const std::string word = absl::AsciiStrToUpper(flags.state);
    v1::JobState state;
    if (!v1::JobState_Parse(absl::StrCat("JOB_STATE_", word), &state) ||
        state == v1::JOB_STATE_UNSPECIFIED) {
      return absl::InvalidArgumentError(
          absl::StrCat("--state: \"", flags.state,
                       "\" is none of queued, running, succeeded, failed, timed_out, cancelled"));
    }
    terms.push_back(absl::StrCat("state=", word));
  }
  if (!flags.node.empty()) terms.push_back(absl::StrCat("node=", flags.node));
  for (const std::string& label : flags.labels) {
    const auto pair = ParseKeyValue(label);
    if (!pair.ok()) return Annotate(pair.status(), "--label");
    // The filter's grammar has no way to quote it.
    if (absl::StrContains(label, " AND ")) {
      return absl::InvalidArgumentError(
          absl::StrCat("--label: \"", label, "\": a label with \" AND \" cannot be filtered by"));
    }
    terms.push_back(absl::StrCat("label.", pair->first, "=", pair->second));
  }
  return absl::StrJoin(terms, " AND ");
}

void AddJobsCommands(CLI::App* app, Command* chosen) {
  CLI::App* jobs = app->add_subcommand("jobs", "See, cancel and wait for jobs");
  jobs->require_subcommand(1);

  CLI::App* list = jobs->add_subcommand("list", "The newest jobs of the namespace, newest first");
  auto list_flags = std::make_shared<ListFlags>();
  list->add_option("--state", list_flags->filter.state,
                   "Only in this state: queued, running, succeeded, failed, timed_out, cancelled");
  list->add_option("--node", list_flags->filter.node, "Only of this node");
  list->add_option("--label", list_flags->filter.labels,
                   "Only with this label: KEY=VALUE; may be repeated")
      ->allow_extra_args(false);
  list->add_option("--limit", list_flags->limit, "At most so many; 0 for all")
      ->capture_default_str();
  list->callback([=] { *chosen = [=](CommandContext& c) { return ListJobs(c, *list_flags); }; });

  CLI::App* get = jobs->add_subcommand("get", "One job and its attempts");
  auto get_id = std::make_shared<std::string>();
  get->add_option("JOB", *get_id, "Its id: job_ and 12 characters")->required();
  get->callback([=] { *chosen = [=](CommandContext& c) { return GetJob(c, *get_id); }; });

  CLI::App* cancel =
      jobs->add_subcommand("cancel", "End jobs in whatever state; ended ones stay as they are");
  auto cancel_ids = std::make_shared<std::vector<std::string>>();
  auto reason = std::make_shared<std::string>();
  cancel->add_option("JOB", *cancel_ids, "Their ids")->required();
  cancel->add_option("--reason", *reason, "Kept with the jobs");
  cancel->callback(
      [=] { *chosen = [=](CommandContext& c) { return Cancel(c, *cancel_ids, *reason); }; });

  CLI::App* result = jobs->add_subcommand(
      "result", "What an ended job put out, as one text on stdout; how it ended, on stderr");
  auto result_id = std::make_shared<std::string>();
  result->add_option("JOB", *result_id, "Its id")->required();
  result->callback([=] { *chosen = [=](CommandContext& c) { return Result(c, *result_id); }; });

  AddWaitCommand(jobs, chosen);
}

}  // namespace cronium::cli
