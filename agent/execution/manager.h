// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_EXECUTION_MANAGER_H_
#define CRONIUM_AGENT_EXECUTION_MANAGER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/execution/container_config.h"
#include "agent/execution/engine_health.h"
#include "agent/execution/execution_machine.h"
#include "agent/execution/log_watch.h"
#include "agent/execution/node_session.h"
#include "agent/execution/run_folder.h"
#include "agent/journal/journal.h"
#include "agent/logs/log_capture.h"
#include "agent/logs/log_sender.h"
#include "agent/runtime/container_runtime.h"
#include "common/clock.h"
#include "common/disk_space.h"
#include "common/mailbox.h"

namespace cronium::agent {

struct ManagerOptions {
  NodeSettings settings;
  // Holds journal.db and run/. Must exist.
  std::string state_dir;
  // Executions that may be alive at one time. Up to twice as many are taken, since the controller
  // may count otherwise for a moment; beyond it an assignment is refused.
  int slots = 1;
  // /proc/sys/kernel/random/boot_id.
  std::string boot_id;
  // What has to stay free on state_dir's disk for the node to take jobs; 0 for DiskReserve's
  // default.
  int64_t disk_reserve_bytes = 0;
  // What a new journal will be known by: random.
  std::string new_state_id;
  // After a call that the engine did not answer: when what it may have left is looked for first.
  // Three times more follow, each after twice as long.
  absl::Duration sweep_delay = absl::Seconds(30);
};

// Owns every execution of this node and carries out what their machines want: journal, containers,
// logs, leases, reports.
//
//   session ----+
//   runtime ----+--> mailbox --> [ machines ] --> one commit --> calls to runtime and capture
//   capture ----+                                            `-> reports to the session
//   timers -----+
//
// One thread owns all of it. It takes everything that has come in, lets the machines decide, writes
// what changed in one commit, and only then acts: the engine never hears of an execution, nor the
// controller of a report, that the journal does not have. While a commit fails, nothing is acted
// upon, and it is tried again.
//
// Public methods are thread-safe and return at once, Start and Shutdown excepted.
class ExecutionManager : public SessionEvents {
 public:
  // All must outlive the manager's Shutdown. Callbacks of runtime and capture may come until those
  // are destroyed: destroy them before the manager.
  struct Services {
    const Clock* clock = nullptr;
    ContainerRuntime* runtime = nullptr;
    LogCapture* capture = nullptr;
    std::function<absl::StatusOr<DiskSpace>(const std::string& folder)> read_disk_space =
        ReadDiskSpace;
  };

  // Opens the journal and the run folders, and reads what is held.
  static absl::StatusOr<std::unique_ptr<ExecutionManager>> Create(ManagerOptions options,
                                                                  const Services& services);
  // The same on a journal that is open.
  static absl::StatusOr<std::unique_ptr<ExecutionManager>> Create(ManagerOptions options,
                                                                  const Services& services,
                                                                  std::unique_ptr<Journal> journal);
  ~ExecutionManager() override;

  // What LogSender is to read from.
  LogSource* log_source() { return &log_watch_; }

  // Begins to work. Both must outlive Shutdown.
  void Start(Uplink* uplink, LogSender* log_sender);

  // Instead of Start, for who lends a thread of its own: Begin, then Turn again and again. A turn
  // handles what has come in and what is due, without waiting; false where there was nothing.
  // NextWakeNs says when to call it although nothing comes in.
  void Begin(Uplink* uplink, LogSender* log_sender);
  bool Turn();
  int64_t NextWakeNs() const;

  // Finishes what is in the mailbox and ends the thread. Containers are left as they are.
  void Shutdown();

  // SessionEvents:
  void Describe(std::function<void(NodeSnapshot)> answer) override;
  void OnWelcome(uint64_t session, v1::Welcome welcome, int64_t contact_ns) override;
  void OnAssignments(v1::AssignmentBatch assignments) override;
  void OnStops(v1::StopBatch stops) override;
  void OnReportAck(uint64_t report_seq) override;
  void OnContact(int64_t contact_ns) override;
  void OnSessionClosed(uint64_t session) override;

 private:
  struct Entry {
    Entry(v1::Assignment a, const ExecutionRecord& record, uint64_t n)
        : assignment(std::move(a)), machine(assignment, record), incarnation(n) {}

    const v1::Assignment assignment;
    ExecutionMachine machine;
    // Tells answers to an earlier holder of the same id apart.
    const uint64_t incarnation;
    // In the journal.
    bool journalled = false;
    // Its record changed since the last commit.
    bool dirty = false;
    bool log_watched = false;
    bool log_failing = false;
    // Its lease file is there: it was started, or is about to be.
    bool has_lease_file = false;
    // As in its lease file.
    int64_t lease_end_ns = kLeaseForever;
    // Its lease file has an end in the past, for good: nothing of it starts any more.
    bool lease_over = false;
    CallId image_call = 0;
    CallId wait_call = 0;
    // Of its end report; 0 before.
    uint64_t end_report_seq = 0;
  };
  struct PendingCall {
    std::string execution_id;
    uint64_t incarnation;
    Call call;
  };

  ExecutionManager(ManagerOptions options, const Services& services,
                   std::unique_ptr<Journal> journal, RunFolders run_folders,
                   JournalContent content);

  // Hands a task to the thread. Urgent: from the threads that the manager itself may wait for;
  // there is at most one per outstanding call, and kMaxStatusLines of a kind per execution.
  void Post(std::function<void()> task);
  void PostUrgent(std::function<void()> task);

  // ---- All below is on the manager's thread.
  void Run();
  void RunTasks(const std::vector<std::function<void()>>& tasks);
  void OnTimers();
  int64_t Now() const { return clock_->BoottimeNs(); }

  // Applies an input's effects.
  void Apply(Entry* entry, Effects effects);
  void Flush();
  bool Commit();
  void Perform(const PendingCall& pending);
  absl::Status MakeRun(const Entry& entry);
  absl::Status OpenCapture(const Entry& entry);
  // The same for one that wrote before: its spool must be there.
  absl::Status ReopenCapture(const Entry& entry);
  void CallCreate(Entry* entry);
  void CallStart(Entry* entry);
  void DropRun(Entry* entry);
  void DropFiles(const std::string& id);

  // The entry, unless it was forgotten since.
  Entry* Find(const std::string& id, uint64_t incarnation);
  Entry* Find(const std::string& id);
  // The `done` of a call: finds the entry again and gives the answer to its machine.
  template <typename Answer>
  std::function<void(Answer)> Answering(
      const Entry& entry, std::function<Effects(ExecutionMachine*, const Answer&, int64_t)> input);
  void MarkDirty(Entry* entry);
  void Forget(Entry* entry);

  // Of manager_session.cc.
  void Welcomed(uint64_t session, const v1::Welcome& welcome, int64_t contact_ns);
  void Accept(const v1::Assignment& assignment);
  void Stop(const v1::Stop& stop);
  void Contact(int64_t contact_ns);
  void Acknowledged(uint64_t report_seq);
  void AnswerDescriptions();
  NodeSnapshot Snapshot() const;
  std::vector<v1::NodeCondition> Conditions() const;
  void SendConditions();
  // Brings the condition DiskReady up to date.
  void CheckDisk();
  v1::NodeCondition JudgeDisk();
  void DropReportsOf(const std::string& id);
  // Writes the lease file where its end has moved enough, or, with `now_due`, at all.
  void RenewLease(Entry* entry, bool now_due);
  absl::Status EndLease(Entry* entry);
  int64_t LeaseEnd(const v1::Assignment& assignment) const;

  // Of manager_recovery.cc.
  void Recover(JournalContent content);
  void ListContainers();
  void Listed(absl::StatusOr<std::vector<ContainerInfo>> containers);
  void AddJournalled(JournaledExecution execution, bool rebooted);
  void CutLog(Entry* entry);
  uint64_t SpooledSeq(const std::string& id) const;
  void DropLeftovers();
  // An execution's call failed: where the engine may carry it out yet, looks for what it left.
  void SweepAfter(const absl::Status& failure);
  void SweepLater();
  void Sweep();
  void Swept(const absl::StatusOr<std::vector<ContainerInfo>>& containers);
  void DropStrayFiles();
  void PingEngine();

  const ManagerOptions options_;
  const Clock* const clock_;
  ContainerRuntime* const runtime_;
  LogCapture* const capture_;
  Uplink* uplink_ = nullptr;
  LogSender* log_sender_ = nullptr;
  LogWatch log_watch_;
  Mailbox<std::function<void()>> mailbox_;
  std::thread thread_;

  const std::unique_ptr<Journal> journal_;
  const RunFolders run_folders_;
  // What the journal held at start; empty after Recover.
  JournalContent content_;
  // By id, so that whatever goes over all of them does so in one order.
  std::map<std::string, std::unique_ptr<Entry>> entries_;
  uint64_t next_incarnation_ = 1;

  // Towards the next commit, and what waits for it.
  std::vector<JournalChange> changes_;
  std::vector<v1::ExecutionReport> new_reports_;
  std::vector<PendingCall> calls_;
  std::vector<std::string> dropped_;
  std::vector<std::string> dirty_;
  // Not OK while commits fail; then nothing is done before the retry.
  absl::Status journal_problem_;
  int64_t journal_retry_ns_ = 0;

  // Of the journal.
  std::string state_id_;
  // Durable and not acknowledged, by report_seq.
  std::deque<v1::ExecutionReport> unacknowledged_;
  uint64_t last_report_seq_ = 0;
  // The newest send time that was echoed, and the one that the journal has.
  int64_t contact_ns_ = 0;
  int64_t journalled_contact_ns_ = 0;
  // 0 between sessions.
  uint64_t session_ = 0;
  bool welcomed_once_ = false;

  EngineHealth health_;
  // Descriptions that wait for the engine's first answer, so that a Hello says whether it is there;
  // but not for long.
  std::vector<std::function<void(NodeSnapshot)>> describe_;
  int64_t describe_by_ns_ = 0;
  v1::NodeCondition disk_condition_;
  const std::function<absl::StatusOr<DiskSpace>(const std::string&)> read_disk_space_;
  DiskReserve disk_reserve_;
  int64_t next_disk_check_ns_ = 0;
  // The engine's list has come: entries know what there is.
  bool listed_ = false;
  bool list_pending_ = false;
  int64_t list_retry_ns_ = 0;
  bool stray_files_dropped_ = false;
  int64_t leftovers_retry_ns_ = 0;
  // Containers of this node that no entry is for. Kept until the controller has said what it wants.
  struct Leftover {
    ContainerState state = ContainerState::kCreated;
    // The engine's.
    std::string container_id;
    bool removing = false;
  };
  std::map<std::string, Leftover> leftovers_;
  // When to look for more of them; kNever where no call was left in doubt. Then a few times,
  // further and further apart.
  int64_t next_sweep_ns_ = ExecutionMachine::kNever;
  int64_t sweep_delay_ns_ = 0;
  int sweeps_left_ = 0;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_EXECUTION_MANAGER_H_
