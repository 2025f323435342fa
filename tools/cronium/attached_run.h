// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_ATTACHED_RUN_H_
#define CRONIUM_TOOLS_CRONIUM_ATTACHED_RUN_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "tools/cronium/command.h"
#include "tools/cronium/interrupts.h"

namespace cronium::cli {

// One `cronium run` or `cronium http` that stays with its job: submits it, prints its log, obeys
// Ctrl-C, and gives the status to exit with.
//
// Threads: Run has the caller's; Ctrl-C and answers come from that of Interrupts; a cancel is sent
// from one of its own, so that a controller out of reach does not keep the next Ctrl-C from being
// heard.
class AttachedRun {
 public:
  // interrupts (may be null) is not yet started. context and client must outlive it.
  AttachedRun(CommandContext* context, Client* client, Interrupts* interrupts, bool quiet);
  ~AttachedRun();

  int Run(const v1::CreateJobRequest& request);

 private:
  Interrupts::Handler MakeHandler();
  void Act(InterruptPolicy::Action action) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int Finish(const absl::StatusOr<v1::Job>& job);
  void Say(absl::string_view text);

  CommandContext* const context_;
  Client* const client_;
  Interrupts* const interrupts_;
  const bool quiet_;
  // Ends the following of the log, and nothing else.
  Cancellation stop_following_;

  Mutex mutex_;
  InterruptPolicy policy_ ABSL_GUARDED_BY(mutex_);
  std::string job_id_ ABSL_GUARDED_BY(mutex_);
  std::thread canceller_ ABSL_GUARDED_BY(mutex_);
  bool detached_ ABSL_GUARDED_BY(mutex_) = false;
  bool left_ ABSL_GUARDED_BY(mutex_) = false;
};

struct SubmitOptions {
  // Made up where it is empty.
  std::string request_id;
  // Prints the job's id, and leaves the job to run.
  bool detach = false;
  bool quiet = false;
};

// Connects, submits the job and, unless it is detached, stays with it; the status to exit with.
int SubmitJob(CommandContext& context, v1::JobSpec spec, const SubmitOptions& options);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_ATTACHED_RUN_H_
