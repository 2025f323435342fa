// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

namespace cronium::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string name = (std::filesystem::temp_directory_path() / "journal-test-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    Reopen();
  }
  ~JournalTest() override {
    journal_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string path() const { return folder_ + "/journal.db"; }

  void Reopen() {
    journal_.reset();
    auto opened = Journal::Open(path());
    ASSERT_TRUE(opened.ok()) << opened.status();
    journal_ = *std::move(opened);
  }

  JournalContent Load() {
    auto content = journal_->Load();
    EXPECT_TRUE(content.ok()) << content.status();
    return content.ok() ? *content : JournalContent{};
  }

  absl::Status Commit(std::vector<JournalChange> changes) { return journal_->Commit(changes); }

  static InsertExecution Insert(const std::string& id) {
    InsertExecution insert;
    insert.assignment.set_execution_id(id);
    insert.assignment.mutable_spec()->mutable_container()->set_image("bash");
    insert.record.accepted_ns = 5;
    return insert;
  }

  static AddReport Report(uint64_t seq, const std::string& id) {
    AddReport add;
    add.report.set_report_seq(seq);
    add.report.set_execution_id(id);
    add.report.set_state(v1::EXECUTION_STATE_RUNNING);
    return add;
  }

  std::string folder_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, ANewJournalIsEmpty) {
  const JournalContent content = Load();
  EXPECT_THAT(content.executions, IsEmpty());
  EXPECT_THAT(content.reports, IsEmpty());
  EXPECT_EQ(content.last_report_seq, 0u);
  EXPECT_EQ(content.boot_id, "");
}

TEST_F(JournalTest, WhatWasCommittedIsThereAfterReopening) {
  ExecutionRecord record{.state = v1::EXECUTION_STATE_RUNNING,
                         .container_id = "c1",
                         .accepted_ns = 5,
                         .started_ns = 6,
                         .stop_reason = v1::END_REASON_CANCELLED,
                         .stop_ns = 7,
                         .last_seq = 8};
  ASSERT_TRUE(Commit({SetBootId{"boot-1"}, SetLeaseContact{42}, Insert("exec_a"), Insert("exec_b"),
                      UpdateExecution{"exec_b", record}, Report(1, "exec_a")})
                  .ok());
  Reopen();
  const JournalContent content = Load();
  ASSERT_THAT(content.executions, SizeIs(2));
  EXPECT_EQ(content.executions[0].assignment.execution_id(), "exec_a");
  EXPECT_EQ(content.executions[0].assignment.spec().container().image(), "bash");
  EXPECT_EQ(content.executions[0].record.accepted_ns, 5);
  EXPECT_EQ(content.executions[1].record, record);
  ASSERT_THAT(content.reports, SizeIs(1));
  EXPECT_EQ(content.reports[0].execution_id(), "exec_a");
  EXPECT_EQ(content.boot_id, "boot-1");
  EXPECT_EQ(content.lease_contact_ns, 42);
}

TEST_F(JournalTest, ACommitIsAllOrNothing) {
  EXPECT_FALSE(Commit({Insert("exec_a"), UpdateExecution{"exec_unknown", {}}}).ok());
  EXPECT_THAT(Load().executions, IsEmpty());
  // The statements are usable again after the failure.
  EXPECT_TRUE(Commit({Insert("exec_a")}).ok());
  EXPECT_THAT(Load().executions, SizeIs(1));
}

TEST_F(JournalTest, AnExecutionIsHeldOnce) {
  ASSERT_TRUE(Commit({Insert("exec_a")}).ok());
  EXPECT_FALSE(Commit({Insert("exec_a")}).ok());
  EXPECT_FALSE(Commit({Insert("exec_a")}).ok());
  EXPECT_TRUE(Commit({Insert("exec_b")}).ok());
}

TEST_F(JournalTest, ReportsAreForgottenOnceAcknowledged) {
  ASSERT_TRUE(Commit({Report(1, "exec_a"), Report(2, "exec_b"), Report(3, "exec_a")}).ok());
  ASSERT_TRUE(Commit({AcknowledgeReports{2}}).ok());
  std::vector<uint64_t> seqs;
  for (const auto& report : Load().reports) seqs.push_back(report.report_seq());
  EXPECT_THAT(seqs, ElementsAre(3));
}

TEST_F(JournalTest, AReportSeqNeverRepeatsEvenAfterAllAreAcknowledged) {
  ASSERT_TRUE(Commit({Report(7, "exec_a"), AcknowledgeReports{7}}).ok());
  Reopen();
  EXPECT_EQ(Load().last_report_seq, 7u);
  EXPECT_FALSE(Commit({Report(7, "exec_b")}).ok());
  EXPECT_TRUE(Commit({Report(8, "exec_b")}).ok());
}

TEST_F(JournalTest, AnExecutionIsNotForgottenBeforeItsEndIsAcknowledged) {
  ASSERT_TRUE(Commit({Insert("exec_a")}).ok());
  EXPECT_EQ(Commit({EraseExecution{"exec_a"}}).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(
      Commit({UpdateExecution{"exec_a",
                              {.state = v1::EXECUTION_STATE_SUCCEEDED, .end_acknowledged = true}},
              EraseExecution{"exec_a"}})
          .ok());
  EXPECT_THAT(Load().executions, IsEmpty());
}

TEST_F(JournalTest, ADiscardedExecutionGoesWithItsReports) {
  ASSERT_TRUE(Commit({Insert("exec_a"), Report(1, "exec_a"), Report(2, "exec_b")}).ok());
  ASSERT_TRUE(
      Commit({UpdateExecution{"exec_a", {.discarded = true}}, EraseExecution{"exec_a"}}).ok());
  const JournalContent content = Load();
  EXPECT_THAT(content.executions, IsEmpty());
  ASSERT_THAT(content.reports, SizeIs(1));
  EXPECT_EQ(content.reports[0].execution_id(), "exec_b");
}

TEST_F(JournalTest, ANewBootClearsTheLeaseContact) {
  ASSERT_TRUE(Commit({SetBootId{"boot-1"}, SetLeaseContact{42}}).ok());
  ASSERT_TRUE(Commit({SetBootId{"boot-2"}}).ok());
  EXPECT_EQ(Load().lease_contact_ns, 0);
}

TEST_F(JournalTest, ASecondAgentIsTurnedAway) {
  const auto second = Journal::Open(path());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another agent"));
}

TEST_F(JournalTest, TheFilesAreReadableByTheirOwnerOnly) {
  ASSERT_TRUE(Commit({Insert("exec_a")}).ok());
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    struct stat info {};
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600) << entry.path();
  }
}

TEST_F(JournalTest, AFileThatIsNoJournalIsRefused) {
  journal_.reset();
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directory(folder_);
  FILE* file = fopen(path().c_str(), "w");
  for (int i = 0; i < 1000; ++i) fputs("this is not a database\n", file);
  fclose(file);
  EXPECT_EQ(Journal::Open(path()).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace cronium::agent
