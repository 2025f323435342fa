// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_JOURNAL_JOURNAL_H_
#define CRONIUM_AGENT_JOURNAL_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cronium/v1/agent_service.pb.h"
#include "cronium/v1/job.pb.h"

namespace cronium::agent {

// What changes about an execution while the agent holds it. Times are CLOCK_BOOTTIME in ns, 0 for
// not yet.
struct ExecutionRecord {
  // ASSIGNED to FINALIZING, or an end state once the end report is in the journal too.
  v1::ExecutionState state = v1::EXECUTION_STATE_ASSIGNED;
  std::string container_id;
  int64_t accepted_ns = 0;
  int64_t started_ns = 0;
  // Why it is being stopped; UNSPECIFIED while it is not.
  v1::EndReason stop_reason = v1::END_REASON_UNSPECIFIED;
  int64_t stop_ns = 0;
  // The log's end, in end states.
  uint64_t last_seq = 0;
  // The controller does not want it: it is stopped and removed, and nothing is reported.
  bool discarded = false;
  // The end report is acknowledged; what is kept is the log that is not yet stored.
  bool end_acknowledged = false;

  bool operator==(const ExecutionRecord&) const = default;
};

// ---- Changes: what one commit is made of.

// A new execution. The engine hears of it only after the commit.
struct InsertExecution {
  v1::Assignment assignment;
  ExecutionRecord record;
};
// The record anew; the assignment stays.
struct UpdateExecution {
  std::string execution_id;
  ExecutionRecord record;
};
// Its report_seq must be greater than every one before, acknowledged ones included.
struct AddReport {
  v1::ExecutionReport report;
};
// Removes the reports up to this.
struct AcknowledgeReports {
  uint64_t report_seq = 0;
};
// Forgets the execution and whatever reports of it are left. Refused unless it is discarded or its
// end report acknowledged.
struct EraseExecution {
  std::string execution_id;
};
// The newest send time that the controller echoed: leases are counted from it, also after a restart
// of the agent.
struct SetLeaseContact {
  int64_t contact_ns = 0;
};
// Boottimes of another boot mean nothing: this also clears the lease contact.
struct SetBootId {
  std::string boot_id;
};

// What this journal is known by: NodeFacts.state_id.
struct SetStateId {
  std::string state_id;
};

using JournalChange = std::variant<InsertExecution, UpdateExecution, AddReport, AcknowledgeReports,
                                   EraseExecution, SetLeaseContact, SetBootId, SetStateId>;

struct JournaledExecution {
  v1::Assignment assignment;
  ExecutionRecord record;
};

struct JournalContent {
  // In the order in which they were accepted.
  std::vector<JournaledExecution> executions;
  // Unacknowledged, by report_seq.
  std::vector<v1::ExecutionReport> reports;
  // Of the newest report ever added; 0 for none.
  uint64_t last_report_seq = 0;
  int64_t lease_contact_ns = 0;
  // Empty in a new journal.
  std::string boot_id;
  std::string state_id;
};

// What the agent must still know after it was killed or the host lost power. Owned by the execution
// manager and used on its thread only. Not thread-safe.
class Journal {
 public:
  // One SQLite file (WAL, synchronous=FULL), locked while it is open, readable by its owner only
  // since assignments hold tokens. Makes the file where there is none, and brings an older schema
  // up to date. UNAVAILABLE where another process has it open, FAILED_PRECONDITION where a newer
  // agent wrote it.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const std::string& path);
  virtual ~Journal() = default;

  virtual absl::StatusOr<JournalContent> Load() = 0;

  // All changes or none; durable on return. After an error the same changes may be given again.
  virtual absl::Status Commit(absl::Span<const JournalChange> changes) = 0;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_JOURNAL_JOURNAL_H_
