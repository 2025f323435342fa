// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_SIM_SIM_JOURNAL_H_
#define CRONIUM_TESTS_SIM_SIM_JOURNAL_H_

#include <memory>

#include "agent/journal/journal.h"
#include "tests/sim/scheduler.h"

namespace cronium::sim {

// The process dies here: thrown out of the code that was at work, to whoever runs it.
struct Killed {};

// What is on a host's disk, and what becomes of it.
struct JournalDisk {
  agent::JournalContent content;
  // Of a commit: that the process dies before it, or after it.
  double kill_chance = 0;
  // That it fails.
  double fail_chance = 0;
};

// An agent's journal: what Commit returned for is there after any crash. Refuses what the real one
// refuses.
class SimJournal : public agent::Journal {
 public:
  SimJournal(Scheduler* scheduler, JournalDisk* disk) : scheduler_(scheduler), disk_(disk) {}

  absl::StatusOr<agent::JournalContent> Load() override { return disk_->content; }
  absl::Status Commit(absl::Span<const agent::JournalChange> changes) override;

 private:
  Scheduler* const scheduler_;
  JournalDisk* const disk_;
};

}  // namespace cronium::sim

#endif  // CRONIUM_TESTS_SIM_SIM_JOURNAL_H_
