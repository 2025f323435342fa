// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/logs_command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/following.h"
#include "tools/cronium/format.h"
#include "tools/cronium/parse.h"

namespace cronium::cli {
namespace {

struct LogsFlags {
  std::string job_id;
  std::string execution_id;
  bool follow = false;
  uint32_t tail = 0;
  std::string since;
  std::vector<std::string> streams;
  LogPrinter::Options printing;
};

absl::StatusOr<v1::FollowLogsRequest> MakeRequest(const LogsFlags& flags, absl::Time now) {
  v1::FollowLogsRequest request;
  request.set_job_id(flags.job_id);
  request.set_execution_id(flags.execution_id);
  request.set_follow(flags.follow);
  request.set_tail(flags.tail);
  if (!flags.since.empty()) {
    const absl::StatusOr<absl::Time> since = ParseSince(flags.since, now);
    if (!since.ok()) return Annotate(since.status(), "--since");
    SetTime(*since, request.mutable_since());
  }
  for (const std::string& stream : flags.streams) {
    if (stream != "stdout" && stream != "stderr") {
      return absl::InvalidArgumentError(
          absl::StrCat("--stream: \"", stream, "\" is neither stdout nor stderr"));
    }
    request.add_streams(stream == "stdout" ? v1::LOG_STREAM_STDOUT : v1::LOG_STREAM_STDERR);
  }
  return request;
}

int Logs(CommandContext& context, const LogsFlags& flags) {
  const absl::StatusOr<v1::FollowLogsRequest> request =
      MakeRequest(flags, context.process.clock->Now());
  if (!request.ok()) return context.Fail(request.status());
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  const absl::StatusOr<v1::Job> job =
      PrintLogs(context, client->get(), *request, flags.printing, nullptr);
  return job.ok() ? 0 : context.Fail(job.status());
}

}  // namespace

void AddLogsCommand(CLI::App* app, Command* chosen) {
  CLI::App* logs = app->add_subcommand(
      "logs", "The log of a job as it wrote it: its stdout on stdout, its stderr on stderr");
  auto flags = std::make_shared<LogsFlags>();
  logs->add_option("JOB", flags->job_id, "Its id")->required();
  logs->add_flag("-f,--follow", flags->follow, "Go on until the job ends");
  logs->add_option("--tail", flags->tail, "Only the last so many lines");
  logs->add_option("--since", flags->since,
                   "Only lines since then: 10m (that long ago), or RFC 3339");
  logs->add_option("--stream", flags->streams, "Only this one: stdout or stderr")
      ->allow_extra_args(false);
  logs->add_flag("--timestamps", flags->printing.timestamps,
                 "Begin each line with the time of its capture, UTC");
  logs->add_option("--execution", flags->execution_id, "Of this attempt rather than the newest");
  logs->add_flag("-q,--quiet", flags->printing.quiet, "No lines of our own among the job's stderr");
  logs->callback([=] { *chosen = [=](CommandContext& c) { return Logs(c, *flags); }; });
}

}  // namespace cronium::cli
