// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_journal.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace cronium::sim {
namespace {

using agent::JournalContent;
using agent::JournaledExecution;

// Applies one change; answers what the real journal would.
struct Applier {
  JournalContent* content;

  JournaledExecution* Find(const std::string& id) {
    for (JournaledExecution& execution : content->executions) {
      if (execution.assignment.execution_id() == id) return &execution;
    }
    return nullptr;
  }

  absl::Status operator()(const agent::InsertExecution& change) {
    if (Find(change.assignment.execution_id()) != nullptr) {
      return absl::InternalError("inserted twice");
    }
    content->executions.push_back({change.assignment, change.record});
    return absl::OkStatus();
  }
  absl::Status operator()(const agent::UpdateExecution& change) {
    JournaledExecution* execution = Find(change.execution_id);
    if (execution == nullptr) return absl::NotFoundError("is not held");
    execution->record = change.record;
    return absl::OkStatus();
  }
  absl::Status operator()(const agent::AddReport& change) {
    if (change.report.report_seq() <= content->last_report_seq) {
      return absl::InternalError("report_seq is not greater than all before it");
    }
    content->last_report_seq = change.report.report_seq();
    content->reports.push_back(change.report);
    return absl::OkStatus();
  }
  absl::Status operator()(const agent::AcknowledgeReports& change) {
    std::erase_if(content->reports, [&](const v1::ExecutionReport& report) {
      return report.report_seq() <= change.report_seq;
    });
    return absl::OkStatus();
  }
  absl::Status operator()(const agent::EraseExecution& change) {
    const JournaledExecution* execution = Find(change.execution_id);
    if (execution == nullptr ||
        (!execution->record.discarded && !execution->record.end_acknowledged)) {
      return absl::FailedPreconditionError("is not held, or its end report is not acknowledged");
    }
    std::erase_if(content->executions, [&](const JournaledExecution& e) {
      return e.assignment.execution_id() == change.execution_id;
    });
    std::erase_if(content->reports, [&](const v1::ExecutionReport& report) {
      return report.execution_id() == change.execution_id;
    });
    return absl::OkStatus();
  }
  absl::Status operator()(const agent::SetLeaseContact& change) {
    content->lease_contact_ns = change.contact_ns;
    return absl::OkStatus();
  }
  absl::Status operator()(const agent::SetBootId& change) {
    content->boot_id = change.boot_id;
    content->lease_contact_ns = 0;
    return absl::OkStatus();
  }
  absl::Status operator()(const agent::SetStateId& change) {
    content->state_id = change.state_id;
    return absl::OkStatus();
  }
};

}  // namespace

absl::Status SimJournal::Commit(absl::Span<const agent::JournalChange> changes) {
  if (changes.empty()) return absl::OkStatus();
  Random* random = scheduler_->random();
  if (disk_->fail_chance > 0 && random->Chance(disk_->fail_chance)) {
    return absl::ResourceExhaustedError("no space left on device");
  }
  const bool dies = disk_->kill_chance > 0 && random->Chance(disk_->kill_chance);
  if (dies && random->Chance(0.5)) throw Killed();
  Applier applier{&disk_->content};
  for (const agent::JournalChange& change : changes) {
    if (absl::Status status = std::visit(applier, change); !status.ok()) {
      // Only a bug can break these rules; the run ends here.
      scheduler_->Fail(absl::StrCat("the journal refuses a change: ", status.ToString()));
    }
  }
  if (dies) throw Killed();
  return absl::OkStatus();
}

}  // namespace cronium::sim
