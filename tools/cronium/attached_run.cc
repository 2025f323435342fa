// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/attached_run.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/ids.h"
#include "tools/cronium/errors.h"
#include "tools/cronium/exit_code.h"
#include "tools/cronium/following.h"
#include "tools/cronium/format.h"
#include "tools/cronium/queue_watcher.h"

namespace cronium::cli {
namespace {

// A job that waits for longer is told about.
constexpr absl::Duration kPatience = absl::Seconds(1);

// Submits the job, prints its id, and leaves it to run.
int SubmitDetached(CommandContext& context, Client* client, const v1::CreateJobRequest& request) {
  const absl::StatusOr<v1::CreateJobResponse> created = client->CreateJob(request);
  if (!created.ok()) return context.Fail(created.status());
  const absl::Status printed = context.output == OutputFormat::kJson
                                   ? context.PrintJson(created->job())
                                   : context.streams->Out(absl::StrCat(created->job().id(), "\n"));
  return printed.ok() ? 0 : context.Fail(printed);
}

}  // namespace

AttachedRun::AttachedRun(CommandContext* context, Client* client, Interrupts* interrupts,
                         bool quiet)
    : context_(context),
      client_(client),
      interrupts_(interrupts),
      quiet_(quiet),
      policy_(context->process.stdin_is_terminal) {
  if (interrupts_ != nullptr) interrupts_->Start(MakeHandler());
}

AttachedRun::~AttachedRun() {
  if (interrupts_ != nullptr) interrupts_->Stop();
  std::thread canceller;
  {
    MutexLock lock(&mutex_);
    canceller = std::move(canceller_);
  }
  if (canceller.joinable()) canceller.join();
}

int AttachedRun::Run(const v1::CreateJobRequest& request) {
  const absl::StatusOr<v1::CreateJobResponse> created = client_->CreateJob(request);
  if (!created.ok()) {
    if (context_->cancel_all.cancelled()) {
      context_->streams->Notice(
          absl::StrCat("left without an answer: the job may or may not have been accepted; the "
                       "same command with --request-id ",
                       request.request_id(), " finds or makes it"));
      return kExitError;
    }
    return context_->Fail(created.status());
  }
  const std::string& job_id = created->job().id();
  Say(absl::StrCat(job_id, " submitted"));
  {
    MutexLock lock(&mutex_);
    job_id_ = job_id;
    Act(policy_.OnJobKnown());
  }
  v1::FollowLogsRequest follow;
  follow.set_job_id(job_id);
  follow.set_follow(true);
  std::optional<QueueWatcher> queue_watcher;
  if (!quiet_) queue_watcher.emplace(client_, context_->streams, created->job(), kPatience);
  const absl::StatusOr<v1::Job> job =
      PrintLogs(*context_, client_, follow, {.quiet = quiet_}, &stop_following_);
  queue_watcher.reset();
  return Finish(job);
}

int AttachedRun::Finish(const absl::StatusOr<v1::Job>& job) {
  MutexLock lock(&mutex_);
  if (job.ok()) {
    if (job->state() != v1::JOB_STATE_SUCCEEDED) {
      Say(absl::StrCat(job_id_, " ", DescribeEnd(*job)));
    }
    return ExitCodeOf(*job);
  }
  const std::string goes_on =
      absl::StrCat("it goes on; `cronium logs -f ", job_id_, "` follows it again");
  if (left_) {
    context_->streams->Notice(absl::StrCat("left before the end of ", job_id_,
                                           "; `cronium jobs get ", job_id_,
                                           "` shows whether it was cancelled"));
  } else if (detached_) {
    context_->streams->Notice(absl::StrCat("detached from ", job_id_, ": ", goes_on));
  } else if (IsClosedPipe(job.status())) {
    context_->streams->Notice(
        absl::StrCat("nobody reads the output of ", job_id_, " any more: ", goes_on));
    return context_->Fail(job.status());
  } else {
    context_->Fail(job.status());
    context_->streams->Notice(absl::StrCat(job_id_, " is no longer followed: ", goes_on));
  }
  return kExitError;
}

Interrupts::Handler AttachedRun::MakeHandler() {
  Interrupts::Handler handler;
  handler.on_interrupt = [this] {
    MutexLock lock(&mutex_);
    Act(policy_.OnInterrupt());
  };
  handler.on_terminate = [this] {
    MutexLock lock(&mutex_);
    Act(policy_.OnTerminate());
  };
  handler.wants_line = [this] {
    MutexLock lock(&mutex_);
    return policy_.asking();
  };
  handler.on_line = [this](absl::string_view line) {
    MutexLock lock(&mutex_);
    Act(policy_.OnAnswer(line));
  };
  return handler;
}

void AttachedRun::Act(InterruptPolicy::Action action) {
  Streams* const streams = context_->streams;
  switch (action) {
    case InterruptPolicy::Action::kNone:
      return;
    case InterruptPolicy::Action::kAsk:
      streams->Notice(absl::StrCat(
          job_id_,
          " runs: d and Enter to detach from it, c or Ctrl-C to cancel it, Enter to go on"));
      return;
    case InterruptPolicy::Action::kGoOn:
      streams->Notice("going on");
      return;
    case InterruptPolicy::Action::kCancelLater:
      streams->Notice(
          "the job is cancelled as soon as it is accepted; Ctrl-C again leaves without an answer");
      return;
    case InterruptPolicy::Action::kCancel:
      streams->Notice(absl::StrCat("cancelling ", job_id_,
                                   "; Ctrl-C again leaves without waiting for its end"));
      canceller_ = std::thread([this, job_id = job_id_] {
        v1::CancelJobRequest request;
        request.set_job_id(job_id);
        request.set_reason("interrupted at the command line");
        const absl::StatusOr<v1::CancelJobResponse> response = client_->CancelJob(request);
        if (!response.ok() && !context_->cancel_all.cancelled()) {
          context_->streams->Notice(
              absl::StrCat("cannot cancel ", job_id, ": ", DescribeError(response.status())));
        }
      });
      return;
    case InterruptPolicy::Action::kDetach:
      detached_ = true;
      stop_following_.Cancel();
      return;
    case InterruptPolicy::Action::kLeave:
      left_ = true;
      // In this order, so that the follower does not take the calls' end for lost contact.
      stop_following_.Cancel();
      context_->cancel_all.Cancel();
      return;
  }
}

void AttachedRun::Say(absl::string_view text) {
  if (!quiet_) context_->streams->Notice(text);
}

int SubmitJob(CommandContext& context, v1::JobSpec spec, const SubmitOptions& options) {
  // Before the connection, whose threads must not take the signals.
  std::unique_ptr<Interrupts> interrupts;
  if (!options.detach) interrupts = context.process.take_interrupts();
  auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  v1::CreateJobRequest request;
  request.set_namespace_(context.name_space);
  *request.mutable_spec() = std::move(spec);
  request.set_request_id(options.request_id.empty() ? absl::StrCat("cli-", RandomBase62(22))
                                                    : options.request_id);
  if (options.detach) return SubmitDetached(context, client->get(), request);
  return AttachedRun(&context, client->get(), interrupts.get(), options.quiet).Run(request);
}

}  // namespace cronium::cli
