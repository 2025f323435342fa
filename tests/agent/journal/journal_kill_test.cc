// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <string>

#include "agent/journal/journal.h"

namespace cronium::agent {
namespace {

// Commits one execution and one report after another, and tells through the pipe which are durable.
[[noreturn]] void WriteUntilKilled(const std::string& path, int out) {
  auto journal = Journal::Open(path);
  if (!journal.ok()) _exit(3);
  auto content = (*journal)->Load();
  if (!content.ok()) _exit(4);
  for (uint64_t seq = content->last_report_seq + 1;; ++seq) {
    InsertExecution insert;
    insert.assignment.set_execution_id("exec_" + std::to_string(seq));
    insert.assignment.set_token(std::string(9000, 't'));
    AddReport add;
    add.report.set_report_seq(seq);
    add.report.set_execution_id(insert.assignment.execution_id());
    if (!(*journal)->Commit({insert, add}).ok()) _exit(5);
    if (write(out, &seq, sizeof(seq)) != sizeof(seq)) _exit(6);
  }
}

TEST(JournalKillTest, WhatWasCommittedSurvivesAKillAtAnyMoment) {
  std::string name = (std::filesystem::temp_directory_path() / "journal-kill-XXXXXX").string();
  const std::string folder = mkdtemp(name.data());
  const std::string path = folder + "/journal.db";
  std::mt19937 random(20260102);
  uint64_t durable = 0;
  for (int round = 0; round < 25; ++round) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    const pid_t child = fork();
    if (child == 0) WriteUntilKilled(path, fds[1]);
    close(fds[1]);
    // Kill it somewhere after this many commits.
    const uint64_t commits = 1 + random() % 20;
    uint64_t seq = 0;
    for (uint64_t i = 0; i < commits; ++i) ASSERT_EQ(read(fds[0], &seq, sizeof(seq)), 8);
    kill(child, SIGKILL);
    while (read(fds[0], &seq, sizeof(seq)) == sizeof(seq)) {
    }
    close(fds[0]);
    durable = seq;
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    auto journal = Journal::Open(path);
    ASSERT_TRUE(journal.ok()) << journal.status();
    auto content = (*journal)->Load();
    ASSERT_TRUE(content.ok()) << content.status();
    // The commit that was under way may have made it; a half of it never.
    EXPECT_GE(content->last_report_seq, durable);
    EXPECT_LE(content->last_report_seq, durable + 1);
    EXPECT_EQ(content->executions.size(), content->last_report_seq);
    EXPECT_EQ(content->reports.size(), content->last_report_seq);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace cronium::agent
