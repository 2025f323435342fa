// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/run_command.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/cronium/attached_run.h"
#include "tools/cronium/job_spec.h"

namespace cronium::cli {
namespace {

struct RunCommandFlags {
  RunFlags job;
  std::string request_id;
  bool detach = false;
  bool quiet = false;
  std::string help_only;
};

int Run(CommandContext& context, const RunCommandFlags& flags) {
  if (context.words.empty()) {
    return context.Fail(
        absl::InvalidArgumentError("run: SCRIPT is missing; `cronium run --help` shows the usage"));
  }
  const std::string& path = context.words[0];
  absl::StatusOr<std::string> script = ReadScript(path, context.streams);
  if (!script.ok()) return context.Fail(script.status());
  const ScriptDefaults defaults = DefaultsForScript(path, *script);
  absl::StatusOr<v1::JobSpec> spec = BuildJobSpec(flags.job, path, *std::move(script),
                                                  {context.words.begin() + 1, context.words.end()},
                                                  context.process.environment, context.streams);
  if (!spec.ok()) return context.Fail(spec.status());

  if (flags.job.image.empty() && !flags.quiet) {
    context.streams->Notice(
        absl::StrCat("image ", defaults.image, " (", defaults.because, "; --image for another)"));
  }
  return SubmitJob(context, *std::move(spec), {flags.request_id, flags.detach, flags.quiet});
}

void AddWhat(CLI::App* run, RunFlags* job) {
  run->add_option(
         "--image", job->image,
         "Image as the nodes' engine knows it. Default by the script's first line or name:\n"
         "cronium/python, cronium/node, else cronium/bash")
      ->type_name("IMAGE");
  run->add_option(
         "--interpreter", job->interpreter,
         "Program that runs the script; repeat it for its arguments. Default: the first line")
      ->allow_extra_args(false)
      ->type_name("WORD");
  run->add_option("-e,--env", job->env,
                  "Set for the script; KEY alone has its value here; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY[=VALUE]");
  run->add_option("--input", job->input,
                  "What the script reads as its input: JSON, @FILE, or - for stdin")
      ->type_name("JSON");
  run->add_option("--label", job->labels, "To find the job again; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
}

void AddWhere(CLI::App* run, RunFlags* job) {
  run->add_option("--node", job->node, "Only on this node")->type_name("NODE");
  run->add_option("--node-label", job->node_labels,
                  "Only on nodes with this label; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  run->add_option("--priority", job->priority, "-1000 to 1000, higher goes first (default 0)")
      ->type_name("N");
  run->add_option("--lost-after", job->lost_after,
                  "Give the job up on a node without contact for so long (default 10m)")
      ->type_name("TIME");
  run->add_option("--on-lost", job->on_lost, "retry it elsewhere then (default), or keep it")
      ->type_name("ACTION");
  run->add_option("--max-attempts", job->max_attempts,
                  "Attempts that lost nodes may cost (default 3)")
      ->type_name("N");
}

void AddLimits(CLI::App* run, RunFlags* job) {
  run->add_option("--timeout", job->timeout, "For its run: 90s, 1h30m (default 1h)")
      ->type_name("TIME");
  run->add_option("--queue-timeout", job->queue_timeout, "For its wait for a node (default: none)")
      ->type_name("TIME");
  run->add_option("--prepare-timeout", job->prepare_timeout,
                  "From its assignment to its start (default 10m)")
      ->type_name("TIME");
  run->add_option("--stop-grace", job->stop_grace, "From TERM to KILL (default 10s)")
      ->type_name("TIME");
  run->add_option("--memory", job->memory, "Limit: 512M, 2G (default 512M)")->type_name("SIZE");
  run->add_option("--cpus", job->cpus, "Limit: 2, 0.5 (default 0.5)")->type_name("N");
  run->add_option("--network", job->network, "none (default; the runtime API is there) or bridge")
      ->type_name("MODE");
  run->add_option("--user", job->user, "Whom it runs as (default 1000:1000)")
      ->type_name("UID[:GID]");
  run->add_option("--working-dir", job->working_dir, "Where the script starts (default /workspace)")
      ->type_name("DIR");
  run->add_flag("--writable-root", job->writable_root, "Leave the root file system writable");
}

}  // namespace

CLI::App* AddRunCommand(CLI::App* app, Command* chosen) {
  CLI::App* run = app->add_subcommand("run", "Run a script as a job and stay with it");
  auto flags = std::make_shared<RunCommandFlags>();
  // For --help alone: these words never reach CLI11.
  run->add_option("SCRIPT", flags->help_only, "A file, or - for stdin")->type_name("");
  run->add_option("ARGS", flags->help_only, "All after SCRIPT goes to the script")
      ->type_name("...");
  AddWhat(run, &flags->job);
  AddWhere(run, &flags->job);
  AddLimits(run, &flags->job);
  run->add_flag("-d,--detach", flags->detach,
                "Do not follow: print the job's id and leave it to run");
  run->add_option("--request-id", flags->request_id,
                  "Submitting again under the same id finds the same job (default: a new one)")
      ->type_name("ID");
  run->add_flag("-q,--quiet", flags->quiet, "No lines of our own among the job's stderr");
  run->footer(
      "Exits with the script's own exit code; 124 when a timeout ended the job, 130 when it was\n"
      "cancelled, 125 for all else that keeps the script from running to its end or us from "
      "seeing\n"
      "it. Ctrl-C asks whether to detach or to cancel; a second one cancels. Without a terminal "
      "to\n"
      "ask on, the first one cancels.");
  run->callback([=] { *chosen = [=](CommandContext& c) { return Run(c, *flags); }; });
  return run;
}

}  // namespace cronium::cli
