// SPDX-License-Identifier: Apache-2.0
#include "controller/store/idempotency_sweeper.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controller/store/sqlite/sqlite_store.h"
#include "tests/controller/store/messages.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

class IdempotencySweeperTest : public testing::Test {
 protected:
  // An execution that ended then, with so many records.
  void AddEnded(const std::string& id, int64_t end_time_s, int records) {
    std::vector<Change> changes;
    changes.push_back(InsertJob{MakeJob("job_" + id)});
    v1::Execution execution = MakeExecution(id, "job_" + id);
    changes.push_back(PutExecution{execution});
    for (int i = 0; i < records; ++i) {
      changes.push_back(BeginEffect{{id, absl::StrCat("k", i), "digest", absl::Time()}});
    }
    execution.set_state(v1::EXECUTION_STATE_SUCCEEDED);
    execution.mutable_end_time()->set_seconds(end_time_s);
    changes.push_back(PutExecution{execution});
    ASSERT_TRUE(store_->Commit(changes).ok());
  }
  int Held(const std::string& id, int records) {
    int held = 0;
    for (int i = 0; i < records; ++i) {
      held += store_->FindIdempotencyRecord(id, absl::StrCat("k", i))->has_value() ? 1 : 0;
    }
    return held;
  }

  TempDir dir_;
  std::unique_ptr<SqliteStore> store_ = *SqliteStore::Open({.path = dir_.path() + "/state.db"});
  const FakeClock clock_{absl::FromUnixSeconds(100'000)};
};

TEST_F(IdempotencySweeperTest, SweepsBatchAfterBatchWhatIsOldEnoughAndNoMore) {
  AddEnded("exec_old", 100'000 - 3601, 25);
  AddEnded("exec_young", 100'000 - 3599, 25);
  {
    CommitQueue commits(store_.get());
    IdempotencySweeper sweeper(&clock_, &commits, {.period = absl::Milliseconds(1), .batch = 4});
    while (Held("exec_old", 25) > 0) {
    }
    sweeper.Stop();
    EXPECT_GE(commits.counters().changes, 7u) << "no batch is larger than asked for";
  }
  EXPECT_EQ(Held("exec_young", 25), 25);
}

TEST_F(IdempotencySweeperTest, AStoppedOneEndsAtOnceHoweverLongItsPeriod) {
  CommitQueue commits(store_.get());
  IdempotencySweeper sweeper(&clock_, &commits, {.period = absl::Hours(1), .batch = 4});
  sweeper.Stop();
}

}  // namespace
}  // namespace cronium::controller
