// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_TOOL_ACTIONS_H_
#define CRONIUM_CONTROLLER_ACTIONS_TOOL_ACTIONS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "controller/actions/action_sender.h"
#include "controller/actions/tools.h"
#include "controller/core/core_thread.h"
#include "controller/core/store.h"
#include "controller/secrets/sealer.h"
#include "cronium/v1/runtime_service.pb.h"

namespace cronium::controller {

struct ToolActionOptions {
  // At one time; more are refused.
  int max_under_way = 64;
  // From the call to its answer, all tries included: below the 25 s for which a gateway waits.
  absl::Duration timeout = absl::Seconds(20);
  int max_tries = 5;
  AuditLimits audit;
};

struct ToolActionCall {
  std::string execution_id;
  std::string job_id;
  std::string name_space;
  std::string tool;
  std::string action;
  std::string params_json;
  // Empty: every call sends.
  std::string idempotency_key;
};

// Executes tool actions. What happens outside cannot be made exactly once, so it is made at most
// once, and where that is not known, it is said:
//
//   call -> plan -> commit the intent -> send (again, where nothing was sent) -> commit outcome,
//                                                         audit record and use -> answer
//
// A second call with the same key waits for the first, or gets its stored answer. One whose intent
// was committed and whose outcome was not, since the controller ended in between, is answered
// OUTCOME_UNKNOWN and never sent again.
//
// Thread-safe. Nothing here waits: stages run on the caller's thread, the commit thread and the
// sender's.
class ToolActions {
 public:
  using Done = std::function<void(absl::StatusOr<v1::ExecuteToolActionResponse>)>;

  // Borrowed.
  struct Parts {
    const Clock* clock = nullptr;
    Store* store = nullptr;
    CommitFunction commit;
    const Sealer* sealer = nullptr;
    ActionSender* sender = nullptr;
  };
  ToolActions(ToolActionOptions options, Parts parts);
  // Waits until every call has been answered, which a shut down commit queue brings about.
  ~ToolActions();

  // Errors: see RuntimeService.ExecuteToolAction. done runs once, on any thread.
  void Execute(ToolActionCall call, Done done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes no more (UNAVAILABLE, CONTROLLER_STOPPING), waits up to `grace` for what is under way,
  // breaks the rest off, and returns when all have been answered, or ten seconds later where the
  // store takes no outcomes. Idempotent.
  void Stop(absl::Duration grace) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Execution and key.
  using Key = std::pair<std::string, std::string>;
  struct Running;
  using RunningPtr = std::shared_ptr<Running>;

  // The action that a call starts; null where it was answered or waits for another one.
  RunningPtr Admit(ToolActionCall* call, Done done) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether a record of an earlier call answered it.
  bool AnswerFromRecord(const RunningPtr& running);
  void Begin(const RunningPtr& running);
  void Send(const RunningPtr& running);
  void OnResult(const RunningPtr& running, ActionResult result);
  // Commits what came of it, then answers.
  void Complete(const RunningPtr& running, ActionResult result);
  void Answer(const RunningPtr& running,
              const absl::StatusOr<v1::ExecuteToolActionResponse>& answer)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Notes what is to be cancelled; cancels it at once where all is.
  void Track(const RunningPtr& running, ActionSender::Id id) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Duration TimeLeft(const Running& running) const;

  const ToolActionOptions options_;
  const Parts parts_;

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool breaking_off_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<Key, RunningPtr> running_ ABSL_GUARDED_BY(mutex_);
  // Threads that are about to call `done`s.
  int answering_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_TOOL_ACTIONS_H_
