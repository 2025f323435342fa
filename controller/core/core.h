// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_CORE_H_
#define CRONIUM_CONTROLLER_CORE_CORE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/ids.h"
#include "common/lease.h"
#include "controller/core/job_queue.h"
#include "controller/core/messages.h"
#include "controller/core/node_table.h"
#include "controller/core/placement.h"
#include "controller/core/timers.h"

namespace cronium::controller {

struct CoreOptions {
  // Jobs that wait or run, in number and in bytes of their specs; past either, SubmitJob is refused
  // with QUEUE_FULL.
  int64_t max_live_jobs = 200'000;
  int64_t max_live_spec_bytes = int64_t{1} << 30;
  // HTTP jobs that run at one time; more wait with HTTP_LIMIT.
  int max_http_jobs = 100;
  // How often agents are told to send a heartbeat.
  absl::Duration heartbeat_period = absl::Seconds(2);
  // A session from which nothing came for this long is ended, whatever its connection says.
  absl::Duration session_silence = absl::Seconds(30);
  // Specs in one message to an agent, beyond the first.
  int64_t max_message_spec_bytes = 4 << 20;
  // Ends executions without waiting for their logs: the defect that the barrier test must find.
  // Only fault points set it.
  bool skip_log_barrier = false;
  // Further defects, which the simulation must find. Nothing else sets them.
  bool apply_replayed_reports = false;
  bool skip_fence = false;
  LeaseSide lease_side = LeaseSide::kController;
};

// Why the first job of each placement class waits, by class.
using WaitReasons = absl::flat_hash_map<std::string, WaitReason>;

// The scheduler and the life of jobs and executions: a state machine that is given commands,
// reports and the time, and answers with changes to persist, messages to send and the next time it
// wants to be called. Does no I/O and reads no clock. Not thread-safe: one thread owns it
// (CoreThread).
//
// In memory it holds what is alive: queued and running jobs, their executions, all nodes. What
// ended is in the store alone.
class Core {
 public:
  // ids is borrowed.
  Core(CoreOptions options, IdSource* ids);

  // Takes over what the store has and goes on with it. Every node counts as heard of at `now`.
  // durable_seq: how far the log store holds the log of each live execution.
  void Load(LiveState state, const absl::flat_hash_map<std::string, uint64_t>& durable_seq,
            absl::Time now, Output* out);

  // Handles one input.
  void Apply(Input input, absl::Time now, Output* out);

  // Handles what is due, then places waiting jobs. Call it after each batch of inputs and at
  // next_due().
  void Advance(absl::Time now, Output* out);

  // The wall clock was set: `now` is `step` later (or earlier) than it would have been.
  void OnClockStep(absl::Duration step, absl::Time now);

  std::optional<absl::Time> next_due() const { return timers_.next(); }

  // As of the last Advance.
  const WaitReasons& wait_reasons() const { return wait_reasons_; }

  // Nodes that changed since the last call.
  std::vector<v1::Node> TakeChangedNodes();

  size_t queued_jobs() const { return queue_.size(); }
  size_t live_jobs() const { return jobs_.size(); }

 private:
  struct LiveJob {
    v1::Job job;  // Without spec.
    std::shared_ptr<const v1::JobSpec> spec;
    std::string placement_class;
    uint64_t order = 0;
    uint64_t version = 0;
    int64_t spec_bytes = 0;
  };
  struct LiveExecution {
    v1::Execution execution;
    uint64_t durable_seq = 0;
    // Its node's agent is there but knows nothing of it, and cannot prove that it is gone: when one
    // that may know was last in contact.
    std::optional<absl::Time> orphaned_since;
  };
  // A queue timeout (job id), the loss of an execution (execution id) or the silence of a session
  // (kSilenceTimer and the node); told apart by the id.
  using TimerEvent = std::string;
  static constexpr absl::string_view kSilenceTimer = "session/";

  void Handle(SubmitJob&& input, Ticket ticket, absl::Time now, Output* out);
  void Handle(CancelJob&& input, Ticket ticket, absl::Time now, Output* out);
  void Handle(OpenSession&& input, Ticket ticket, absl::Time now, Output* out);
  void Handle(CloseSession&& input, Ticket ticket, absl::Time now, Output* out);
  void Handle(NodeHeartbeat&& input, Ticket ticket, absl::Time now, Output* out);
  void Handle(NodeReports&& input, Ticket ticket, absl::Time now, Output* out);
  void Handle(LogDurable&& input, Ticket ticket, absl::Time now, Output* out);
  void Handle(ScriptCondition&& input, Ticket ticket, absl::Time now, Output* out);
  void Handle(HttpOutcome&& input, Ticket ticket, absl::Time now, Output* out);
  void Handle(CollectJobs&& input, Ticket ticket, absl::Time now, Output* out);
  void Handle(HoldPlacement&& input, Ticket ticket, absl::Time now, Output* out);

  void Enqueue(LiveJob* live, absl::Time now);
  void PlaceJobs(absl::Time now, Output* out);
  // Places the job's next execution on a node or, where there is none that takes it, says why.
  bool PlaceOnNode(LiveJob* live, absl::Time now, Output* out);
  // The job's next execution, in its first state, not yet written to `out`.
  std::unique_ptr<LiveExecution> MakeExecution(LiveJob* live, absl::Time now);
  void StartExecution(LiveJob* live, NodeEntry* node, absl::Time now, Output* out);

  // HTTP jobs: core_http.cc.
  bool PlaceHttp(LiveJob* live, absl::Time now, Output* out);
  void LoadHttp(LiveExecution* live, absl::Time now, Output* out);
  void GiveUpHttp(const LiveExecution& live, v1::EndReason reason, std::string message,
                  Output* out);
  void OnHttpTimer(const LiveExecution& live, absl::Time now, Output* out);

  void Reconcile(NodeEntry* entry, absl::Time contact_before, const v1::Hello& hello,
                 absl::Time now, Output* out);
  void ReconcileMissing(LiveExecution* live, NodeEntry* entry, absl::Time contact_before,
                        absl::Time now, std::vector<Send>* assignments, Output* out);
  void ReconcileLog(LiveExecution* live, uint64_t available, NodeEntry* entry,
                    absl::Time contact_before, absl::Time now, Output* out);
  void Orphan(LiveExecution* live, absl::Time contact_before, absl::Time now);
  void HandleReport(const std::string& node, const v1::ExecutionReport& report, absl::Time now,
                    Output* out);
  // Ends the execution if its end was reported and its log is whole.
  void FinishIfWhole(LiveExecution* live, absl::Time now, Output* out);
  // Ends the execution and its job; a LOST one sends its job back to the queue while attempts are
  // left.
  void EndExecution(LiveExecution* live, absl::Time now, Output* out);
  void EndJob(LiveJob* live, v1::JobState state, v1::EndReason reason, absl::Time now, Output* out);
  void LoseExecution(LiveExecution* live, v1::EndReason reason, const std::string& message,
                     absl::Time now, Output* out);
  void OnTimer(const TimerEvent& id, absl::Time now, Output* out);
  void OnSilenceTimer(const std::string& node, absl::Time now, Output* out);
  void CloseNodeSession(NodeEntry* entry, absl::Time now, Output* out);
  void ArmLossTimers(const NodeEntry& node, absl::Time now);

  // Writes the changed job or execution to `out`.
  void Changed(LiveJob* live, Output* out);
  void Changed(const LiveExecution& live, Output* out);
  void NodeChanged(const NodeEntry& node, Output* out);

  LiveJob* FindJob(absl::string_view id);
  LiveExecution* FindExecution(absl::string_view id);
  // The entry if `connection` is the node's open session, else null: messages of older sessions
  // change nothing.
  NodeEntry* FindSession(const std::string& node, uint64_t connection);
  void RememberRequest(const v1::Job& job);
  // Forgets the request if it is this job's.
  void ForgetRequest(const std::string& key, absl::string_view job_id);

  const CoreOptions options_;
  IdSource* const ids_;

  absl::flat_hash_map<std::string, std::unique_ptr<LiveJob>> jobs_;
  absl::flat_hash_map<std::string, std::unique_ptr<LiveExecution>> executions_;
  NodeTable nodes_;
  JobQueue queue_;
  Timers<TimerEvent> timers_;
  WaitReasons wait_reasons_;
  int64_t live_spec_bytes_ = 0;
  int running_http_ = 0;
  uint64_t next_order_ = 1;
  // Something happened that may let a job be placed.
  bool placement_due_ = true;
  // Why no job is placed at all; an empty reason where they are.
  WaitReason hold_;

  // Jobs by (namespace, request_id), live or lately ended: a second CreateJob that overtook the
  // first one's commit finds it here. What is older, the API finds in the store before it asks the
  // core.
  absl::flat_hash_map<std::string, v1::Job> requests_;
  struct EndedRequest {
    std::string key;
    std::string job_id;
  };
  std::deque<EndedRequest> ended_requests_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_CORE_H_
