// SPDX-License-Identifier: Apache-2.0
// The manager's dealings with the controller: assignments, reports, leases, conditions.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/execution/manager.h"
#include "common/fault.h"
#include "common/ids.h"
#include "common/lease.h"
#include "common/log.h"
#include "common/proto_time.h"
#include "common/protocol_rules.h"

namespace cronium::agent {
namespace {

constexpr absl::Duration kDefaultLostAfter = absl::Minutes(10);
// A lease file is written anew when its end has moved by this part of lost_after: the job's end
// under a lost contact is at most that much too early, and a host with many jobs does not write
// files all the time.
constexpr int kLeaseStepDivisor = 10;

absl::Duration LostAfter(const v1::Assignment& assignment) {
  const absl::Duration lost_after = ToDuration(assignment.spec().lost_after());
  return lost_after > absl::ZeroDuration() ? lost_after : kDefaultLostAfter;
}

}  // namespace

void ExecutionManager::Describe(std::function<void(NodeSnapshot)> answer) {
  Post([this, answer = std::move(answer)] {
    describe_.push_back(answer);
    AnswerDescriptions();
  });
}

void ExecutionManager::AnswerDescriptions() {
  if (!health_.asked() && Now() < describe_by_ns_) return;
  for (const auto& answer : std::exchange(describe_, {})) answer(Snapshot());
}

void ExecutionManager::OnWelcome(uint64_t session, v1::Welcome welcome, int64_t contact_ns) {
  Post([this, session, contact_ns, welcome = std::move(welcome)] {
    Welcomed(session, welcome, contact_ns);
  });
}

void ExecutionManager::OnAssignments(v1::AssignmentBatch assignments) {
  Post([this, assignments = std::move(assignments)] {
    for (const v1::Assignment& assignment : assignments.assignments()) Accept(assignment);
  });
}

void ExecutionManager::OnStops(v1::StopBatch stops) {
  Post([this, stops = std::move(stops)] {
    for (const v1::Stop& stop : stops.stops()) Stop(stop);
  });
}

void ExecutionManager::OnReportAck(uint64_t report_seq) {
  Post([this, report_seq] { Acknowledged(report_seq); });
}

void ExecutionManager::OnContact(int64_t contact_ns) {
  Post([this, contact_ns] { Contact(contact_ns); });
}

void ExecutionManager::OnSessionClosed(uint64_t session) {
  Post([this, session] {
    if (session_ == session) session_ = 0;
  });
}

void ExecutionManager::Welcomed(uint64_t session, const v1::Welcome& welcome, int64_t contact_ns) {
  session_ = session;
  Contact(contact_ns);
  const std::set<std::string> wanted(welcome.keep().begin(), welcome.keep().end());
  const std::set<std::string> forget(welcome.forget().begin(), welcome.forget().end());
  std::vector<std::string> unwanted;
  for (const auto& [id, entry] : entries_) {
    // One that has ended here may be unlisted because the controller only waits for its log.
    if (forget.count(id) > 0 || (entry->machine.alive() && wanted.count(id) == 0)) {
      unwanted.push_back(id);
    }
  }
  for (const std::string& id : unwanted) {
    Entry* entry = Find(id);
    RuleApplied(20);  // docs/protocol.md P20
    LogInfo("execution is not wanted any more",
            {{"execution", id}, {"state", v1::ExecutionState_Name(entry->machine.state())}});
    DropReportsOf(id);
    Apply(entry, entry->machine.Discard(Now()));
  }
  for (const v1::Stop& stop : welcome.stops()) Stop(stop);
  welcomed_once_ = true;
  DropLeftovers();
  if (!unacknowledged_.empty()) {
    RuleApplied(7);  // docs/protocol.md P7
    uplink_->SendReports(session_, {unacknowledged_.begin(), unacknowledged_.end()});
  }
}

void ExecutionManager::Accept(const v1::Assignment& assignment) {
  const std::string& id = assignment.execution_id();
  if (!IsId(id, kExecutionIdPrefix)) {
    // It would become part of paths.
    LogError("assignment with a malformed execution id", {{"execution", id}});
    return;
  }
  if (Find(id) != nullptr) {
    // It is in each Hello since, so no controller that keeps to the protocol gives it again.
    LogError("assignment of an execution that is held", {{"execution", id}});
    return;
  }
  const int alive = static_cast<int>(std::count_if(
      entries_.begin(), entries_.end(), [](const auto& e) { return e.second->machine.alive(); }));
  LogInfo("execution accepted", {{"execution", id},
                                 {"job", assignment.job_id()},
                                 {"image", assignment.spec().container().image()}});
  ExecutionRecord record;
  record.accepted_ns = Now();
  if (assignment.began()) record.state = v1::EXECUTION_STATE_RUNNING;
  auto added = std::make_unique<Entry>(assignment, record, next_incarnation_++);
  Entry* entry = added.get();
  entries_[id] = std::move(added);
  MarkDirty(entry);
  entry->lease_end_ns = LeaseEnd(assignment);
  entry->machine.SetLeaseEnd(entry->lease_end_ns);
  if (contact_ns_ > journalled_contact_ns_) {
    journalled_contact_ns_ = contact_ns_;
    changes_.push_back(SetLeaseContact{contact_ns_});
  }
  if (assignment.began()) {
    // docs/protocol.md P17: whatever the engine has of it is ended and removed, then reported.
    Apply(entry, entry->machine.Stop(v1::END_REASON_NODE_LOST,
                                     "the agent's journal does not know it any more", Now()));
  } else if (alive >= 2 * options_.slots) {
    Apply(entry, entry->machine.Stop(v1::END_REASON_RUNTIME_ERROR,
                                     absl::StrCat("the node holds ", alive, " executions and has ",
                                                  options_.slots, " slots (--slots)"),
                                     Now()));
  } else if (!assignment.spec().has_container()) {
    Apply(entry, entry->machine.Stop(
                     v1::END_REASON_START_FAILED,
                     "spec.container: is missing, and this agent runs only containers", Now()));
  } else if (const absl::Status status =
                 CheckPolicy(assignment.spec().container(), options_.settings.policy);
             !status.ok()) {
    Apply(entry, entry->machine.Stop(v1::END_REASON_START_FAILED, status.message(), Now()));
  }
  if (!listed_) {
    // Listed() goes on with it; until then its times count.
    Apply(entry, entry->machine.OnTime(Now()));
    return;
  }
  const auto leftover = leftovers_.find(id);
  if (leftover != leftovers_.end()) {
    const Leftover found = std::move(leftover->second);
    leftovers_.erase(leftover);
    Apply(entry,
          entry->machine.Recover(found.state, Now(), /*may_have_begun=*/false, found.container_id));
  } else if (entry->machine.alive() && !assignment.began()) {
    Apply(entry, entry->machine.Begin(Now()));
  } else {
    Apply(entry, entry->machine.Recover(std::nullopt, Now()));
  }
}

void ExecutionManager::Stop(const v1::Stop& stop) {
  Entry* entry = Find(stop.execution_id());
  if (entry == nullptr)
    return;  // docs/protocol.md P33: it has ended, or its assignment is to come.
  const v1::EndReason reason =
      stop.reason() == v1::END_REASON_UNSPECIFIED ? v1::END_REASON_CANCELLED : stop.reason();
  Apply(entry, entry->machine.Stop(reason, "", Now()));
}

void ExecutionManager::Acknowledged(uint64_t report_seq) {
  // Not beyond what is durable here, whatever the controller says.
  if (unacknowledged_.empty() || report_seq < unacknowledged_.front().report_seq()) return;
  RuleApplied(9);  // docs/protocol.md P9
  report_seq = std::min(report_seq, unacknowledged_.back().report_seq());
  while (!unacknowledged_.empty() && unacknowledged_.front().report_seq() <= report_seq) {
    unacknowledged_.pop_front();
  }
  FaultOn("agent.report.acknowledged");
  changes_.push_back(AcknowledgeReports{report_seq});
  std::vector<std::string> acknowledged;
  for (const auto& [id, entry] : entries_) {
    const bool reported = entry->end_report_seq != 0 && entry->end_report_seq <= report_seq;
    if (reported && !entry->machine.record().end_acknowledged) acknowledged.push_back(id);
  }
  for (const std::string& id : acknowledged) {
    Entry* entry = Find(id);
    Apply(entry, entry->machine.OnEndAcknowledged(Now()));
  }
}

void ExecutionManager::DropReportsOf(const std::string& id) {
  const auto gone = std::remove_if(
      unacknowledged_.begin(), unacknowledged_.end(),
      [&id](const v1::ExecutionReport& report) { return report.execution_id() == id; });
  unacknowledged_.erase(gone, unacknowledged_.end());
}

NodeSnapshot ExecutionManager::Snapshot() const {
  NodeSnapshot snapshot;
  for (const auto& [id, entry] : entries_) {
    const ExecutionRecord& record = entry->machine.record();
    if (record.discarded) continue;
    if (entry->machine.ended()) {
      // docs/protocol.md P21
      v1::HeldLog log;
      log.set_execution_id(id);
      log.set_last_seq(SpooledSeq(id));
      snapshot.logs.push_back(std::move(log));
    }
    if (record.end_acknowledged) continue;
    v1::HeldExecution held;
    held.set_execution_id(id);
    held.set_state(entry->machine.state());
    snapshot.held.push_back(std::move(held));
  }
  snapshot.conditions = Conditions();
  snapshot.engine = health_.engine();
  snapshot.state_id = state_id_;
  return snapshot;
}

// ---- Conditions

std::vector<v1::NodeCondition> ExecutionManager::Conditions() const {
  return {health_.condition(), disk_condition_};
}

void ExecutionManager::SendConditions() { uplink_->SendConditions(Conditions()); }

v1::NodeCondition ExecutionManager::JudgeDisk() {
  v1::NodeCondition condition;
  condition.set_type(disk_condition_.type());
  const auto fail = [&condition](absl::string_view reason, absl::string_view message) {
    condition.set_reason(std::string(reason));
    condition.set_message(std::string(message));
    return condition;
  };
  // First, since it is why the others happen. Where it cannot be read, they tell.
  const absl::StatusOr<DiskSpace> space = read_disk_space_(options_.state_dir);
  if (space.ok() && disk_reserve_.IsFull(*space)) {
    return fail("DISK_FULL", absl::StrCat(DescribeShortage(options_.state_dir, *space,
                                                           disk_reserve_.LimitOf(*space)),
                                          "; free some, or set --disk-reserve-bytes"));
  }
  if (!journal_problem_.ok()) return fail("JOURNAL_NOT_WRITABLE", journal_problem_.message());
  const auto failing = std::count_if(entries_.begin(), entries_.end(),
                                     [](const auto& e) { return e.second->log_failing; });
  if (failing > 0) {
    return fail("SPOOL_NOT_WRITABLE",
                absl::StrCat("logs of ", failing, " executions cannot be written"));
  }
  condition.set_ok(true);
  return condition;
}

void ExecutionManager::CheckDisk() {
  v1::NodeCondition next = JudgeDisk();
  if (next.ok() == disk_condition_.ok() && next.reason() == disk_condition_.reason()) return;
  SetTime(clock_->Now(), next.mutable_change_time());
  if (next.ok()) {
    LogInfo("the disk is well again; jobs are taken");
  } else {
    LogError("no jobs are taken", {{"reason", next.reason()}, {"detail", next.message()}});
  }
  disk_condition_ = std::move(next);
  SendConditions();
}

// ---- Leases

void ExecutionManager::Contact(int64_t contact_ns) {
  if (contact_ns <= contact_ns_) return;
  contact_ns_ = contact_ns;
  for (const auto& [id, entry] : entries_) {
    if (entry->machine.alive()) RenewLease(entry.get(), /*now_due=*/false);
  }
}

int64_t ExecutionManager::LeaseEnd(const v1::Assignment& assignment) const {
  if (assignment.spec().on_lost() == v1::LOST_ACTION_KEEP) return kLeaseForever;
  return LeaseEndNs(LeaseSide::kAgent, contact_ns_, LostAfter(assignment),
                    ToDuration(assignment.spec().timeouts().stop_grace()));
}

// docs/protocol.md P31: a start that the engine carries out late finds an ended lease, and
// cronium-init does not begin the script.
absl::Status ExecutionManager::EndLease(Entry* entry) {
  if (!entry->has_lease_file || entry->lease_over) return absl::OkStatus();
  const absl::Status status = run_folders_.WriteLease(entry->machine.id(), 1);
  if (status.ok()) {
    entry->lease_over = true;
  } else {
    LogError("lease cannot be ended", {{"execution", entry->machine.id()}, {"error", status}});
  }
  return status;
}

void ExecutionManager::RenewLease(Entry* entry, bool now_due) {
  const int64_t end_ns = LeaseEnd(entry->assignment);
  if (entry->lease_over || end_ns <= entry->lease_end_ns || !entry->machine.alive()) return;
  const absl::Duration step = LostAfter(entry->assignment) / kLeaseStepDivisor;
  if (!now_due && end_ns - entry->lease_end_ns <= absl::ToInt64Nanoseconds(step)) return;
  if (entry->has_lease_file) {
    const absl::Status status = run_folders_.WriteLease(entry->machine.id(), end_ns);
    if (!status.ok()) {
      LogError("lease cannot be renewed", {{"execution", entry->machine.id()}, {"error", status}});
      return;
    }
  }
  entry->lease_end_ns = end_ns;
  entry->machine.SetLeaseEnd(end_ns);
  if (contact_ns_ > journalled_contact_ns_) {
    journalled_contact_ns_ = contact_ns_;
    changes_.push_back(SetLeaseContact{contact_ns_});
  }
}

}  // namespace cronium::agent
