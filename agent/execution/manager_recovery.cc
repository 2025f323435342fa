// SPDX-License-Identifier: Apache-2.0
// What the manager does to find its bearings: at its start, and with an engine that comes and goes.
#include <algorithm>
#include <optional>
#include <utility>

#include "agent/execution/manager.h"
#include "common/error.h"
#include "common/log.h"
#include "common/protocol_rules.h"

namespace cronium::agent {
namespace {

constexpr int64_t kListRetryNs = 1'000'000'000;
constexpr int64_t kLeftoversRetryNs = 10'000'000'000;
constexpr int kSweeps = 4;
// How long the first Hello waits for the engine.
constexpr int64_t kFirstPingNs = 1'000'000'000;

}  // namespace

void ExecutionManager::Recover(JournalContent content) {
  const bool rebooted = !content.boot_id.empty() && content.boot_id != options_.boot_id;
  if (content.boot_id != options_.boot_id) changes_.push_back(SetBootId{options_.boot_id});
  contact_ns_ = journalled_contact_ns_ = rebooted ? 0 : content.lease_contact_ns;
  last_report_seq_ = content.last_report_seq;
  state_id_ = content.state_id;
  if (state_id_.empty()) {
    state_id_ = options_.new_state_id;
    changes_.push_back(SetStateId{state_id_});
  }
  unacknowledged_ = {content.reports.begin(), content.reports.end()};
  if (!content.executions.empty()) {
    LogInfo("executions from before", {{"held", content.executions.size()},
                                       {"unacknowledged_reports", unacknowledged_.size()},
                                       {"rebooted", rebooted}});
  }
  for (JournaledExecution& execution : content.executions) {
    AddJournalled(std::move(execution), rebooted);
  }
  describe_by_ns_ = Now() + kFirstPingNs;
  PingEngine();
  ListContainers();
}

void ExecutionManager::AddJournalled(JournaledExecution execution, bool rebooted) {
  const std::string id = execution.assignment.execution_id();
  auto added = std::make_unique<Entry>(std::move(execution.assignment), execution.record,
                                       next_incarnation_++);
  Entry* entry = added.get();
  entries_[id] = std::move(added);
  entry->journalled = true;
  // The file is what cronium-init goes by.
  const std::optional<int64_t> lease_end = run_folders_.ReadLease(id);
  entry->has_lease_file = lease_end.has_value();
  entry->lease_end_ns = lease_end.value_or(LeaseEnd(entry->assignment));
  entry->machine.SetLeaseEnd(entry->lease_end_ns);
  bool end_reported = false;
  for (const v1::ExecutionReport& report : unacknowledged_) {
    if (report.execution_id() != id || !report.has_end()) continue;
    entry->end_report_seq = report.report_seq();
    end_reported = true;
  }
  if (entry->machine.alive() && !rebooted) {
    // Listed() goes on with it. A job that runs must not wait for that with its output: the engine
    // may be away.
    if (entry->has_lease_file && capture_->HasSpool(id)) {
      const absl::Status opened = OpenCapture(*entry);
      if (!opened.ok()) LogWarning("cannot capture", {{"execution", id}, {"error", opened}});
    }
    // Its times count, if it was never begun.
    Apply(entry, entry->machine.OnTime(Now()));
    return;
  }
  const absl::Status opened = capture_->OpenSpoolOnly(id);
  if (!opened.ok() && !absl::IsNotFound(opened)) {
    LogWarning("the rest of a log is lost", {{"execution", id}, {"error", opened}});
  }
  if (entry->machine.alive()) {
    const absl::StatusOr<LogState> log = capture_->State(id);
    Apply(entry, entry->machine.LoseToReboot(log.ok() ? log->last_seq : 0, Now()));
    return;
  }
  CutLog(entry);
  // Here only to begin to watch its log.
  Apply(entry, end_reported ? Effects{} : entry->machine.OnEndAcknowledged(Now()));
}

uint64_t ExecutionManager::SpooledSeq(const std::string& id) const {
  const absl::StatusOr<LogState> log = capture_->State(id);
  return log.ok() ? std::max(log->last_seq, log->acknowledged_seq) : 0;
}

// The spool is not synced, so that a power cut, or a person, may have taken its end. What is left
// is all that there will be.
void ExecutionManager::CutLog(Entry* entry) {
  const std::string& id = entry->machine.id();
  const uint64_t spooled = SpooledSeq(id);
  if (entry->machine.record().discarded) return;
  // The journal keeps the report as it was: it is cut anew after each start.
  for (v1::ExecutionReport& report : unacknowledged_) {
    if (report.execution_id() != id || report.end().last_seq() <= spooled) continue;
    report.mutable_end()->set_last_seq(spooled);
    report.mutable_end()->set_log_uncertain(true);
  }
  if (spooled >= entry->machine.record().last_seq) return;
  LogWarning(
      "the end of a log is lost",
      {{"execution", id}, {"last_seq", entry->machine.record().last_seq}, {"spooled", spooled}});
  Apply(entry, entry->machine.OnLogCut(spooled, Now()));
}

void ExecutionManager::ListContainers() {
  list_pending_ = true;
  runtime_->ListOurs(NodeLabels(options_.settings),
                     [this](absl::StatusOr<std::vector<ContainerInfo>> containers) {
                       PostUrgent([this, containers = std::move(containers)]() mutable {
                         Listed(std::move(containers));
                       });
                     });
}

void ExecutionManager::Listed(absl::StatusOr<std::vector<ContainerInfo>> containers) {
  list_pending_ = false;
  if (!containers.ok()) {
    // docs/protocol.md P32: no list is not an empty list.
    RuleApplied(32);
    health_.OnCallFailed(containers.status(), Now());
    list_retry_ns_ = Now() + kListRetryNs;
    return;
  }
  listed_ = true;
  for (const ContainerInfo& container : *containers) {
    leftovers_[container.name] = {.state = container.state, .container_id = container.id};
  }
  std::vector<std::string> ids;
  for (const auto& [id, entry] : entries_) ids.push_back(id);
  for (const std::string& id : ids) {
    std::optional<ContainerState> found;
    std::string container_id;
    const auto it = leftovers_.find(id);
    if (it != leftovers_.end()) {
      found = it->second.state;
      container_id = it->second.container_id;
      leftovers_.erase(it);
    }
    Entry* entry = Find(id);
    Apply(entry, entry->machine.Recover(found, Now(), /*may_have_begun=*/entry->has_lease_file,
                                        container_id));
  }
  // An earlier life of the agent may have left calls in doubt.
  SweepLater();
  DropLeftovers();
}

void ExecutionManager::DropLeftovers() {
  if (!listed_ || !welcomed_once_) return;
  DropStrayFiles();
  leftovers_retry_ns_ = Now() + kLeftoversRetryNs;
  for (auto& [name, leftover] : leftovers_) {
    if (std::exchange(leftover.removing, true)) continue;
    LogInfo("removing a container that nobody wants", {{"container", name}});
    runtime_->Remove(name, /*force=*/true, [this, name = name](const absl::Status& status) {
      PostUrgent([this, name, status] {
        const auto found = leftovers_.find(name);
        if (found == leftovers_.end()) return;
        if (status.ok()) {
          leftovers_.erase(found);
        } else {
          found->second.removing = false;
          LogWarning("cannot remove a container", {{"container", name}, {"error", status}});
        }
      });
    });
  }
}

void ExecutionManager::SweepAfter(const absl::Status& failure) {
  const std::string reason = ErrorReason(failure);
  if (reason == kEngineTimeout || reason == kEngineUnreachable) SweepLater();
}

void ExecutionManager::SweepLater() {
  sweeps_left_ = kSweeps;
  sweep_delay_ns_ = absl::ToInt64Nanoseconds(options_.sweep_delay);
  next_sweep_ns_ = std::min(next_sweep_ns_, Now() + sweep_delay_ns_);
}

void ExecutionManager::Sweep() {
  --sweeps_left_;
  sweep_delay_ns_ *= 2;
  next_sweep_ns_ = sweeps_left_ > 0 ? Now() + sweep_delay_ns_ : ExecutionMachine::kNever;
  runtime_->ListOurs(
      NodeLabels(options_.settings), [this](absl::StatusOr<std::vector<ContainerInfo>> containers) {
        PostUrgent([this, containers = std::move(containers)] { Swept(containers); });
      });
}

// Removes what was made or started after its execution was given up.
void ExecutionManager::Swept(const absl::StatusOr<std::vector<ContainerInfo>>& containers) {
  if (!containers.ok()) {
    // P32: it proves nothing, and does not count.
    health_.OnCallFailed(containers.status(), Now());
    SweepLater();
    return;
  }
  // Before the first listing they are found by that.
  if (!listed_) return;
  RuleApplied(38);  // docs/protocol.md P38
  for (const ContainerInfo& container : *containers) {
    const Entry* entry = Find(container.name);
    if (entry != nullptr && !entry->machine.container_gone()) continue;
    leftovers_.try_emplace(container.name,
                           Leftover{.state = container.state, .container_id = container.id});
  }
  if (!leftovers_.empty()) DropLeftovers();
}

// Of executions that were forgotten just before the agent ended.
void ExecutionManager::DropStrayFiles() {
  if (std::exchange(stray_files_dropped_, true)) return;
  for (const auto& ids : {run_folders_.List(), capture_->ListSpooled()}) {
    if (!ids.ok()) {
      LogWarning("cannot look for leftovers", {{"error", ids.status()}});
      continue;
    }
    for (const std::string& id : *ids) {
      if (Find(id) == nullptr) DropFiles(id);
    }
  }
}

void ExecutionManager::PingEngine() {
  health_.PingSent();
  runtime_->Ping([this](absl::StatusOr<EngineInfo> answer) {
    PostUrgent([this, answer = std::move(answer)] {
      const bool changed = health_.OnPing(answer, Now(), clock_->Now());
      AnswerDescriptions();
      if (!changed) return;
      const v1::NodeCondition& condition = health_.condition();
      if (condition.ok()) {
        LogInfo("container engine answers",
                {{"engine", health_.engine().name}, {"version", health_.engine().version}});
      } else {
        LogWarning("container engine does not answer",
                   {{"reason", condition.reason()}, {"detail", condition.message()}});
      }
      SendConditions();
    });
  });
}

}  // namespace cronium::agent
