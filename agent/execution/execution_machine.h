// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_EXECUTION_EXECUTION_MACHINE_H_
#define CRONIUM_AGENT_EXECUTION_EXECUTION_MACHINE_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/execution/outcome.h"
#include "agent/journal/journal.h"
#include "agent/logs/status_event.h"
#include "agent/runtime/container_runtime.h"
#include "cronium/v1/agent_service.pb.h"

namespace cronium::agent {

// What a machine wants done. Each is answered by the input named beside it.
enum class Call {
  // Make the run folder and begin to capture.                       OnRunReady
  kMakeRun,
  // Capture again from a run folder that is there.                  OnRunReady
  kReopenRun,
  // ContainerRuntime, by the same names.                            OnCreated
  kCreate,
  kPrepareImage,  //                                                OnImage
  kCancelImage,   // (its kPrepareImage is answered)
  kStart,         //                                                OnStarted
  kWait,          //                                                OnExit
  kTerminate,     // SIGTERM to pid 1                               OnSignalSent
  kKill,          // SIGKILL to pid 1                               OnSignalSent
  kRemove,        // by force                                       OnRemoved
  // Take what the FIFOs still hold, and close them.                 OnLogClosed
  kCloseLog,
  // Of one that never began: run folder and empty log away.         OnRunDropped
  kDropRun,
  // Drop the execution: from the journal, its log, its run folder.  (the machine's last word)
  kForget,
};
absl::string_view CallName(Call call);

// What one input leads to: first the record and the reports go into the journal in one commit, then
// the calls are made in order.
struct Effects {
  bool save = false;
  // Without report_seq and time.
  std::vector<v1::ExecutionReport> reports;
  std::vector<Call> calls;

  bool empty() const { return !save && reports.empty() && calls.empty(); }
};

// One execution on this node, from its assignment until nothing of it is left. Pure: no I/O, and
// the time comes with each input.
//
//   state        the container                         left by
//   ASSIGNED     -
//   PREPARING    create, perhaps an image first,       Start answered, or cronium-init's `started`
//                start
//   RUNNING      runs                                  cronium-init's `ended`, or the engine's exit
//   FINALIZING   ends; what is in its FIFOs is read    log closed: the end is reported
//   ended        is removed                            end acknowledged, log stored: forgotten
//
// It is level-triggered: an input changes what is known (the engine's container, the log, what
// cronium-init said, why to stop), and Advance then does whatever follows from all that is known.
// So inputs may come in any order, and a restarted agent is no special case: Recover says what the
// engine has, and the rest follows.
//
// When the end is reported:
//   by itself     as soon as cronium-init has said `ended` and `drained` and the FIFOs are read;
//   the
//                 engine's own tear-down, some 50 ms, is not waited for. Where cronium-init's word
//                 is not enough (IsPlainExit), at the engine's exit.
//   stopped       after the engine's exit and the container's removal, so that it is gone for
//   certain. never ran     after whatever was made is removed.
//
// Not thread-safe.
class ExecutionMachine {
 public:
  // The bounds of engine trouble and clean-up.
  static constexpr int64_t kSecondNs = 1'000'000'000;
  // Create and PrepareImage are tried again for this long while the engine does not answer.
  static constexpr int64_t kEngineRetryWindowNs = 10 * kSecondNs;
  static constexpr int64_t kRetryNs = kSecondNs;
  static constexpr int64_t kKillRepeatNs = 5 * kSecondNs;
  static constexpr int64_t kRemoveRetryNs = 5 * kSecondNs;
  // How long a container may go on after cronium-init said that it is done.
  static constexpr int64_t kInitExitNs = 5 * kSecondNs;
  // After the lease's end cronium-init has the first turn.
  static constexpr int64_t kLeaseKillDelayNs = kSecondNs;
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // A new assignment has a record with nothing but accepted_ns; a journalled one as it was.
  ExecutionMachine(const v1::Assignment& assignment, const ExecutionRecord& record);

  // ---- Inputs. Begin or Recover comes first; before that, only stops and discards do.

  // A new assignment, and the engine has nothing of that name.
  Effects Begin(int64_t now);
  // What the engine has of it: nothing, or a container in this state. may_have_begun: a start may
  // have been asked for; where there is no container now, it is not begun again, and one that is
  // only created makes place for another.
  Effects Recover(std::optional<ContainerState> found, int64_t now, bool may_have_begun = false,
                  absl::string_view found_id = "");
  // The host was started anew: whatever ran is gone. `last_seq` is what the spool still has.
  Effects LoseToReboot(uint64_t last_seq, int64_t now);

  Effects OnRunReady(const absl::Status& status, int64_t now);
  Effects OnCreated(const absl::StatusOr<std::string>& container_id, int64_t now);
  Effects OnImage(const absl::Status& status, int64_t now);
  Effects OnStarted(const absl::Status& status, int64_t now);
  // Instead of OnStarted: the engine was not asked, for this reason.
  Effects OnStartWithheld(const absl::Status& why, int64_t now);
  Effects OnExit(const absl::StatusOr<ExitInfo>& exit, int64_t now);
  Effects OnSignalSent(Call call, const absl::Status& status, int64_t now);
  Effects OnRemoved(const absl::Status& status, int64_t now);
  Effects OnInitStatus(const StatusEvent& event, int64_t now);
  Effects OnLogClosed(uint64_t last_seq, int64_t now);
  Effects OnRunDropped(int64_t now);

  // CancelJob and whatever else the controller or the operator ends it for. The first reason
  // stands.
  Effects Stop(v1::EndReason reason, absl::string_view message, int64_t now);
  // The controller does not want it: ended without a report.
  Effects Discard(int64_t now);
  Effects OnEndAcknowledged(int64_t now);
  // Of an ended one: the spool has lost entries, and ends here now.
  Effects OnLogCut(uint64_t last_seq, int64_t now);
  // The controller has the whole log, or does not want it.
  Effects OnLogStored(int64_t now);
  Effects OnTime(int64_t now);
  // Instead of OnCreated, nothing having been done: makes no container until it is stopped. For
  // tests of what happens meanwhile.
  Effects HoldCreate(int64_t now);

  // The end that the lease file has; kNever for an execution that is kept. Not an input: the time
  // of it is.
  void SetLeaseEnd(int64_t end_ns) { lease_end_ns_ = end_ns; }

  // ---- What the owner reads.

  const std::string& id() const { return id_; }
  const ExecutionRecord& record() const { return record_; }
  // What the engine is asked by: its id of the container, where no other can be meant.
  const std::string& container() const {
    return maybe_created_ || record_.container_id.empty() ? id_ : record_.container_id;
  }
  // As Hello has it: FINALIZING too.
  v1::ExecutionState state() const;
  // Its end was reported, and its container removed: one of its name is not its own any more.
  bool container_gone() const { return ended() && engine_ == Engine::kGone && !maybe_created_; }
  bool ended() const { return record_.state >= v1::EXECUTION_STATE_SUCCEEDED; }
  // It may have a process: its lease must be kept.
  bool alive() const { return !ended() && !record_.discarded; }
  // When OnTime has something to do; kNever for nothing.
  int64_t NextWakeNs() const { return wake_ns_; }

 private:
  enum class Engine {
    // Not asked yet.
    kUnknown,
    // It has nothing of ours, as far as we know.
    kAbsent,
    kCreated,
    // Start was answered with success, or it is not known whether it worked.
    kStarted,
    kEnded,
    kGone,
  };
  enum class Pending { kNone, kRun, kCreate, kImage, kStart, kRemove };
  enum class LogCapture { kNone, kOpen, kClosing, kClosed };

  bool Due(int64_t time);
  void Do(Call call) { effects_.calls.push_back(call); }
  void Do(Call call, Pending answer) {
    pending_ = answer;
    Do(call);
  }
  bool stopping() const { return record_.stop_reason != v1::END_REASON_UNSPECIFIED; }
  // Whether its container has ended for all that we know.
  bool exit_known() const { return facts_.exit.has_value() || engine_ == Engine::kGone; }
  // Whether there may be a process.
  bool may_run() const {
    return engine_ == Engine::kStarted || engine_ == Engine::kEnded || pending_ == Pending::kStart;
  }

  Effects Finish(int64_t now);
  void Advance();
  void CheckTimes();
  void SetStop(v1::EndReason reason, absl::string_view message);
  void RetryOrFail(const absl::Status& status);
  void Prepare();
  void Replace();
  void KeepWaiting();
  void EndByItself();
  void EndUnstarted();
  void EndStopped();
  void SendSignals();
  bool LogIsClosed();
  void MarkRunning();
  void ReportEnd();
  void CleanUp();
  void Report(v1::ExecutionState state);

  const std::string id_;
  const int64_t prepare_timeout_ns_;
  const int64_t run_timeout_ns_;
  const int64_t stop_grace_ns_;

  ExecutionRecord record_;
  EndFacts facts_;
  Engine engine_ = Engine::kUnknown;
  Pending pending_ = Pending::kNone;
  LogCapture log_ = LogCapture::kNone;
  bool held_ = false;
  bool run_ready_ = false;
  bool wait_pending_ = false;
  bool image_missing_ = false;
  bool image_prepared_ = false;
  bool image_cancelled_ = false;
  // It was there, created and never started, when the agent came back.
  bool may_create_again_ = false;
  // A create or start was not answered for certain, or asked for by an agent that died: something
  // may be there.
  bool maybe_created_ = false;
  bool maybe_started_ = false;
  // cronium-init has said something.
  bool heard_ = false;
  absl::Status start_error_;
  bool terminate_sent_ = false;
  bool removal_tried_ = false;
  bool log_stored_ = false;
  bool forgotten_ = false;
  int64_t lease_end_ns_ = kNever;
  int64_t process_ended_ns_ = 0;
  int64_t engine_trouble_since_ns_ = 0;
  int64_t retry_ns_ = 0;
  int64_t wait_retry_ns_ = 0;
  int64_t terminate_retry_ns_ = 0;
  int64_t next_kill_ns_ = 0;
  int64_t remove_retry_ns_ = 0;
  int64_t init_exit_by_ns_ = kNever;

  // Of the input at hand.
  int64_t now_ = 0;
  int64_t wake_ns_ = kNever;
  Effects effects_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_EXECUTION_EXECUTION_MACHINE_H_
