// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/manager.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/proto_time.h"
#include "common/protocol_rules.h"

namespace cronium::agent {
namespace {

constexpr size_t kMailboxCapacity = 4096;
constexpr int64_t kJournalRetryNs = 1'000'000'000;
constexpr int64_t kDiskCheckNs = 2'000'000'000;
// Of one kind, of one execution: the job can write to the status FIFO too, as often as it likes.
constexpr int kMaxStatusLines = 4;
constexpr size_t kStatusKinds = static_cast<size_t>(StatusEvent::Kind::kDrained) + 1;

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExecutionManager>> ExecutionManager::Create(
    ManagerOptions options, const Services& services) {
  absl::StatusOr<std::unique_ptr<Journal>> journal =
      Journal::Open(absl::StrCat(options.state_dir, "/journal.db"));
  if (!journal.ok()) return journal.status();
  return Create(std::move(options), services, *std::move(journal));
}

absl::StatusOr<std::unique_ptr<ExecutionManager>> ExecutionManager::Create(
    ManagerOptions options, const Services& services, std::unique_ptr<Journal> journal) {
  absl::StatusOr<JournalContent> content = journal->Load();
  if (!content.ok()) return content.status();
  absl::StatusOr<RunFolders> run_folders =
      RunFolders::Open(absl::StrCat(options.state_dir, "/run"));
  if (!run_folders.ok()) return run_folders.status();
  return std::unique_ptr<ExecutionManager>(
      new ExecutionManager(std::move(options), services, std::move(journal),
                           *std::move(run_folders), *std::move(content)));
}

ExecutionManager::ExecutionManager(ManagerOptions options, const Services& services,
                                   std::unique_ptr<Journal> journal, RunFolders run_folders,
                                   JournalContent content)
    : options_(std::move(options)),
      clock_(services.clock),
      runtime_(services.runtime),
      capture_(services.capture),
      log_watch_(services.capture,
                 [this](const std::string& id) {
                   PostUrgent([this, id] {
                     if (Entry* entry = Find(id)) Apply(entry, entry->machine.OnLogStored(Now()));
                   });
                 }),
      mailbox_(kMailboxCapacity),
      journal_(std::move(journal)),
      run_folders_(std::move(run_folders)),
      content_(std::move(content)),
      read_disk_space_(services.read_disk_space),
      disk_reserve_(options_.disk_reserve_bytes) {
  disk_condition_.set_type("DiskReady");
  disk_condition_.set_ok(true);
}

ExecutionManager::~ExecutionManager() { Shutdown(); }

void ExecutionManager::Start(Uplink* uplink, LogSender* log_sender) {
  thread_ = std::thread([this, uplink, log_sender] {
    Begin(uplink, log_sender);
    Run();
  });
}

void ExecutionManager::Begin(Uplink* uplink, LogSender* log_sender) {
  uplink_ = uplink;
  log_sender_ = log_sender;
  Recover(std::exchange(content_, {}));
  Flush();
}

void ExecutionManager::Shutdown() {
  mailbox_.Close();
  if (thread_.joinable()) thread_.join();
}

void ExecutionManager::Post(std::function<void()> task) { mailbox_.Send(std::move(task)); }
void ExecutionManager::PostUrgent(std::function<void()> task) {
  mailbox_.SendUrgent(std::move(task));
}

void ExecutionManager::Run() {
  while (true) {
    std::optional<std::chrono::nanoseconds> left;
    if (const int64_t wake = NextWakeNs(); wake != ExecutionMachine::kNever) {
      left = std::chrono::nanoseconds(std::max<int64_t>(0, wake - Now()));
    }
    const std::vector<std::function<void()>> tasks = mailbox_.Receive(left);
    if (tasks.empty() && mailbox_.closed()) break;
    RunTasks(tasks);
  }
}

bool ExecutionManager::Turn() {
  const std::vector<std::function<void()>> tasks = mailbox_.Receive(std::chrono::nanoseconds(0));
  const bool due = Now() >= NextWakeNs();
  if (tasks.empty() && !due) return false;
  RunTasks(tasks);
  return true;
}

void ExecutionManager::RunTasks(const std::vector<std::function<void()>>& tasks) {
  for (const std::function<void()>& task : tasks) task();
  AnswerDescriptions();
  if (journal_problem_.ok()) OnTimers();
  Flush();
}

int64_t ExecutionManager::NextWakeNs() const {
  int64_t wake = health_.NextPingNs();
  if (!describe_.empty()) wake = std::min(wake, describe_by_ns_);
  if (!journal_problem_.ok()) {
    wake = journal_retry_ns_;
  } else {
    wake = std::min(wake, next_disk_check_ns_);
    if (!listed_ && !list_pending_) wake = std::min(wake, list_retry_ns_);
    if (listed_ && welcomed_once_ && !leftovers_.empty()) {
      wake = std::min(wake, leftovers_retry_ns_);
    }
    wake = std::min(wake, next_sweep_ns_);
    for (const auto& [id, entry] : entries_) wake = std::min(wake, entry->machine.NextWakeNs());
  }
  return wake;
}

void ExecutionManager::OnTimers() {
  const int64_t now = Now();
  if (now >= health_.NextPingNs()) PingEngine();
  if (now >= next_disk_check_ns_) {
    next_disk_check_ns_ = now + kDiskCheckNs;
    CheckDisk();
  }
  if (!listed_ && !list_pending_ && now >= list_retry_ns_) ListContainers();
  if (now >= leftovers_retry_ns_) DropLeftovers();
  if (now >= next_sweep_ns_) Sweep();
  std::vector<std::string> due;
  for (const auto& [id, entry] : entries_) {
    if (entry->machine.NextWakeNs() <= now) due.push_back(id);
  }
  for (const std::string& id : due) {
    Entry* entry = Find(id);
    RenewLease(entry, /*now_due=*/true);
    Apply(entry, entry->machine.OnTime(now));
  }
}

// ---- From effects to the journal, and on to the world.

void ExecutionManager::Apply(Entry* entry, Effects effects) {
  if (effects.save) MarkDirty(entry);
  for (v1::ExecutionReport& report : effects.reports) {
    report.set_report_seq(++last_report_seq_);
    SetTime(clock_->Now(), report.mutable_time());
    if (report.has_end()) {
      entry->end_report_seq = report.report_seq();
      LogInfo("execution ended", {{"execution", report.execution_id()},
                                  {"reason", v1::EndReason_Name(report.end().reason())},
                                  {"exit_code", report.end().exit_code()},
                                  {"detail", report.end().message()}});
    }
    changes_.push_back(AddReport{report});
    new_reports_.push_back(std::move(report));
  }
  for (const Call call : effects.calls) {
    if (call == Call::kForget) {
      Forget(entry);
      return;
    }
    calls_.push_back({entry->machine.id(), entry->incarnation, call});
  }
  if (entry->machine.ended() && !entry->log_watched) {
    entry->log_watched = true;
    if (log_watch_.Watch(entry->machine.id(), entry->machine.record().last_seq)) {
      Apply(entry, entry->machine.OnLogStored(Now()));
    }
  }
}

void ExecutionManager::MarkDirty(Entry* entry) {
  if (entry->dirty) return;
  entry->dirty = true;
  dirty_.push_back(entry->machine.id());
}

void ExecutionManager::Forget(Entry* entry) {
  const std::string id = entry->machine.id();
  if (entry->journalled) {
    if (entry->dirty) changes_.push_back(UpdateExecution{id, entry->machine.record()});
    changes_.push_back(EraseExecution{id});
  }
  if (entry->wait_call != 0) runtime_->Cancel(entry->wait_call);
  log_watch_.Unwatch(id);
  DropReportsOf(id);
  dropped_.push_back(id);
  const bool was_failing = entry->log_failing;
  entries_.erase(id);
  if (was_failing) CheckDisk();
}

void ExecutionManager::Flush() {
  while (!dirty_.empty() || !changes_.empty() || !calls_.empty() || !dropped_.empty()) {
    if (!Commit()) return;
    RuleApplied(30);  // docs/protocol.md P30: only what the journal has is acted upon.
    std::vector<v1::ExecutionReport> reports = std::exchange(new_reports_, {});
    unacknowledged_.insert(unacknowledged_.end(), reports.begin(), reports.end());
    if (session_ != 0 && !reports.empty()) uplink_->SendReports(session_, std::move(reports));
    for (const std::string& id : std::exchange(dropped_, {})) DropFiles(id);
    for (const PendingCall& call : std::exchange(calls_, {})) Perform(call);
  }
}

bool ExecutionManager::Commit() {
  if (!journal_problem_.ok() && Now() < journal_retry_ns_) return false;
  std::vector<JournalChange> commit;
  std::vector<Entry*> written;
  for (const std::string& id : dirty_) {
    Entry* entry = Find(id);
    if (entry == nullptr || !entry->dirty) continue;
    written.push_back(entry);
    if (entry->journalled) {
      commit.emplace_back(UpdateExecution{id, entry->machine.record()});
    } else {
      commit.emplace_back(InsertExecution{entry->assignment, entry->machine.record()});
    }
  }
  commit.insert(commit.end(), changes_.begin(), changes_.end());
  absl::Status status;
  if (!commit.empty()) {
    status = FaultOn("agent.journal.commit") ? absl::UnavailableError("agent.journal.commit is on")
                                             : journal_->Commit(commit);
    if (status.ok()) FaultOn("agent.journal.committed");
  }
  if (status.ok() != journal_problem_.ok()) {
    if (!status.ok()) LogError("journal cannot be written", {{"error", status}});
    journal_problem_ = status;
    CheckDisk();
  }
  if (!status.ok()) {
    journal_problem_ = status;
    journal_retry_ns_ = Now() + kJournalRetryNs;
    return false;
  }
  for (Entry* entry : written) {
    entry->journalled = true;
    entry->dirty = false;
  }
  dirty_.clear();
  changes_.clear();
  return true;
}

template <typename Answer>
std::function<void(Answer)> ExecutionManager::Answering(
    const Entry& entry, std::function<Effects(ExecutionMachine*, const Answer&, int64_t)> input) {
  return [this, id = entry.machine.id(), incarnation = entry.incarnation,
          input = std::move(input)](Answer answer) {
    PostUrgent([this, id, incarnation, input, answer = std::move(answer)] {
      if (!StatusOf(answer).ok()) {
        health_.OnCallFailed(StatusOf(answer), Now());
        SweepAfter(StatusOf(answer));
      }
      Entry* found = Find(id, incarnation);
      if (found != nullptr) Apply(found, input(&found->machine, answer, Now()));
    });
  };
}

void ExecutionManager::Perform(const PendingCall& pending) {
  Entry* entry = Find(pending.execution_id, pending.incarnation);
  if (entry == nullptr) return;
  const std::string& id = entry->machine.id();
  using Machine = ExecutionMachine;
  using Status = absl::Status;
  switch (pending.call) {
    case Call::kMakeRun:
      Apply(entry, entry->machine.OnRunReady(MakeRun(*entry), Now()));
      break;
    case Call::kReopenRun:
      Apply(entry, entry->machine.OnRunReady(ReopenCapture(*entry), Now()));
      break;
    case Call::kCreate:
      CallCreate(entry);
      break;
    case Call::kPrepareImage:
      entry->image_call = runtime_->PrepareImage(
          entry->assignment.spec().container().image(), nullptr,
          Answering<Status>(*entry, [](Machine* machine, const Status& status, int64_t now) {
            return machine->OnImage(status, now);
          }));
      break;
    case Call::kCancelImage:
      runtime_->Cancel(entry->image_call);
      break;
    case Call::kStart:
      CallStart(entry);
      break;
    case Call::kWait:
      entry->wait_call =
          runtime_->Wait(entry->machine.container(),
                         Answering<absl::StatusOr<ExitInfo>>(
                             *entry, [](Machine* machine, const absl::StatusOr<ExitInfo>& exit,
                                        int64_t now) { return machine->OnExit(exit, now); }));
      break;
    case Call::kTerminate:
    case Call::kKill:
      runtime_->Kill(
          entry->machine.container(), pending.call == Call::kKill ? SIGKILL : SIGTERM,
          Answering<Status>(
              *entry, [call = pending.call](Machine* machine, const Status& status, int64_t now) {
                return machine->OnSignalSent(call, status, now);
              }));
      break;
    case Call::kRemove:
      if (entry->machine.alive()) {
        if (const absl::Status status = EndLease(entry); !status.ok()) {
          Apply(entry, entry->machine.OnRemoved(status, Now()));
          break;
        }
      }
      runtime_->Remove(
          entry->machine.container(), /*force=*/true,
          Answering<Status>(*entry, [](Machine* machine, const Status& status, int64_t now) {
            if (status.ok()) FaultOn("agent.removed");
            return machine->OnRemoved(status, now);
          }));
      break;
    case Call::kCloseLog: {
      const Status status = capture_->CloseWhenDrained(
          id, [this, id, incarnation = entry->incarnation](uint64_t last_seq) {
            PostUrgent([this, id, incarnation, last_seq] {
              Entry* found = Find(id, incarnation);
              if (found != nullptr) Apply(found, found->machine.OnLogClosed(last_seq, Now()));
            });
          });
      if (!status.ok()) Apply(entry, entry->machine.OnLogClosed(0, Now()));
      break;
    }
    case Call::kDropRun:
      DropRun(entry);
      break;
    case Call::kForget:
      break;  // Apply's.
  }
}

absl::Status ExecutionManager::MakeRun(const Entry& entry) {
  absl::Status status =
      run_folders_.Make(entry.machine.id(), entry.assignment.spec().container().script().content());
  if (status.ok()) status = OpenCapture(entry);
  if (status.ok()) FaultOn("agent.run.made");
  return status;
}

absl::Status ExecutionManager::OpenCapture(const Entry& entry) {
  const std::string& id = entry.machine.id();
  LogCallbacks callbacks;
  auto seen = std::make_shared<std::array<int, kStatusKinds>>();
  callbacks.on_status = [this, id, incarnation = entry.incarnation,
                         seen](const StatusEvent& event) {
    if (++seen->at(static_cast<size_t>(event.kind)) > kMaxStatusLines) return;
    PostUrgent([this, id, incarnation, event] {
      Entry* found = Find(id, incarnation);
      if (found != nullptr) Apply(found, found->machine.OnInitStatus(event, Now()));
    });
  };
  callbacks.on_problem = [this, id, incarnation = entry.incarnation](const absl::Status& status) {
    PostUrgent([this, id, incarnation, status] {
      Entry* found = Find(id, incarnation);
      if (found == nullptr) return;
      if (!status.ok()) LogError("log cannot be written", {{"execution", id}, {"error", status}});
      found->log_failing = !status.ok();
      CheckDisk();
    });
  };
  const absl::Status status = capture_->Open(id, run_folders_.PathOf(id), std::move(callbacks));
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

absl::Status ExecutionManager::ReopenCapture(const Entry& entry) {
  const std::string& id = entry.machine.id();
  // docs/protocol.md P24: a new spool would number its entries from 1 again.
  if (!capture_->HasSpool(id)) {
    RuleApplied(24);
    return absl::DataLossError(absl::StrCat("the spool of execution ", id, " is gone"));
  }
  return OpenCapture(entry);
}

void ExecutionManager::CallCreate(Entry* entry) {
  if (FaultOn("agent.create.before")) {
    Apply(entry, entry->machine.HoldCreate(Now()));
    return;
  }
  runtime_->Create(MakeContainerConfig(entry->assignment, options_.settings,
                                       run_folders_.PathOf(entry->machine.id())),
                   Answering<absl::StatusOr<std::string>>(
                       *entry, [](ExecutionMachine* machine,
                                  const absl::StatusOr<std::string>& container_id, int64_t now) {
                         if (container_id.ok()) FaultOn("agent.created");
                         return machine->OnCreated(container_id, now);
                       }));
}

void ExecutionManager::CallStart(Entry* entry) {
  const std::string& id = entry->machine.id();
  // First, since a container that is gone after a restart of the agent may have run if there is a
  // lease, and has not if there is none.
  if (const absl::Status status = run_folders_.WriteLease(id, entry->lease_end_ns); !status.ok()) {
    Apply(entry, entry->machine.OnStartWithheld(status, Now()));
    return;
  }
  entry->has_lease_file = true;
  runtime_->Start(entry->machine.container(),
                  Answering<absl::Status>(*entry, [](ExecutionMachine* machine,
                                                     const absl::Status& status, int64_t now) {
                    if (status.ok()) FaultOn("agent.started");
                    return machine->OnStarted(status, now);
                  }));
}

void ExecutionManager::DropRun(Entry* entry) {
  DropFiles(entry->machine.id());
  entry->has_lease_file = false;
  entry->lease_over = false;
  RenewLease(entry, /*now_due=*/true);
  Apply(entry, entry->machine.OnRunDropped(Now()));
}

void ExecutionManager::DropFiles(const std::string& id) {
  log_sender_->Forget(id);
  const absl::Status removed = capture_->Remove(id);
  FaultOn("agent.logs.removed");
  for (const absl::Status& status : {removed, run_folders_.Remove(id)}) {
    if (!status.ok()) LogWarning("leftovers remain", {{"execution", id}, {"error", status}});
  }
}

ExecutionManager::Entry* ExecutionManager::Find(const std::string& id) {
  const auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : it->second.get();
}

ExecutionManager::Entry* ExecutionManager::Find(const std::string& id, uint64_t incarnation) {
  Entry* entry = Find(id);
  return entry != nullptr && entry->incarnation == incarnation ? entry : nullptr;
}

}  // namespace cronium::agent
