// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

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

// Bytes of the WAL's header, of each frame's, and of a page.
constexpr uint64_t kWalHeader = 32;
constexpr uint64_t kFrameHeader = 24;
constexpr uint64_t kPage = 4096;

// What a journal with this WAL holds: commits 1 to the returned one, each whole.
uint64_t CommitsIn(const std::string& database, const std::string& wal, uint64_t wal_bytes,
                   const std::string& garbage, const std::string& folder) {
  namespace fs = std::filesystem;
  fs::create_directory(folder);
  const std::string path = folder + "/journal.db";
  fs::copy_file(database, path, fs::copy_options::overwrite_existing);
  fs::copy_file(wal, path + "-wal", fs::copy_options::overwrite_existing);
  fs::resize_file(path + "-wal", wal_bytes);
  if (!garbage.empty()) std::ofstream(path + "-wal", std::ios::app | std::ios::binary) << garbage;
  auto journal = Journal::Open(path);
  EXPECT_TRUE(journal.ok()) << journal.status();
  if (!journal.ok()) return 0;
  const auto content = (*journal)->Load();
  EXPECT_TRUE(content.ok()) << content.status();
  const uint64_t commits = content->last_report_seq;
  EXPECT_EQ(content->executions.size(), commits);
  EXPECT_EQ(content->reports.size(), commits);
  for (uint64_t i = 0; i < std::min<uint64_t>(commits, content->executions.size()); ++i) {
    EXPECT_EQ(content->executions[i].assignment.execution_id(), "exec_" + std::to_string(i + 1));
    EXPECT_EQ(content->reports[i].report_seq(), i + 1);
  }
  // And it goes on.
  AddReport add;
  add.report.set_report_seq(commits + 1);
  add.report.set_execution_id("exec_1");
  EXPECT_TRUE((*journal)->Commit({add}).ok());
  journal->reset();
  fs::remove_all(folder);
  return commits;
}

TEST(JournalKillTest, AWalThatWasCutAtAnyByteHoldsWholeCommitsInOrder) {
  std::string name = (std::filesystem::is_directory("/dev/shm")
                          ? std::string("/dev/shm")
                          : std::filesystem::temp_directory_path().string()) +
                     "/journal-cut-XXXXXX";
  const std::string folder = mkdtemp(name.data());
  constexpr uint64_t kCommits = 6;
  const std::string path = folder + "/journal.db";
  auto journal = Journal::Open(path);
  ASSERT_TRUE(journal.ok()) << journal.status();
  for (uint64_t seq = 1; seq <= kCommits; ++seq) {
    InsertExecution insert;
    insert.assignment.set_execution_id("exec_" + std::to_string(seq));
    AddReport add;
    add.report.set_report_seq(seq);
    add.report.set_execution_id(insert.assignment.execution_id());
    ASSERT_TRUE((*journal)->Commit({insert, add}).ok());
  }
  // As it lies there while the agent runs.
  const std::string wal = path + "-wal";
  const uint64_t size = std::filesystem::file_size(wal);
  ASSERT_EQ((size - kWalHeader) % (kFrameHeader + kPage), 0u);

  // A cut within a page is as good as any other within it: each byte of the headers, some of pages.
  std::vector<uint64_t> cuts;
  std::mt19937 random(20261124);
  for (uint64_t frame = kWalHeader; frame < size; frame += kFrameHeader + kPage) {
    for (uint64_t byte = 0; byte <= kFrameHeader; ++byte) cuts.push_back(frame + byte);
    for (int i = 0; i < 3; ++i) cuts.push_back(frame + kFrameHeader + random() % kPage);
    cuts.push_back(frame + kFrameHeader + kPage - 1);
  }
  cuts.push_back(size);
  for (uint64_t byte = 0; byte < kWalHeader; ++byte) cuts.push_back(byte);
  std::sort(cuts.begin(), cuts.end());
  uint64_t last = 0;
  std::set<uint64_t> seen;
  for (const uint64_t cut : cuts) {
    const uint64_t commits = CommitsIn(path, wal, cut, "", folder + "/cut");
    ASSERT_GE(commits, last) << cut;
    last = commits;
    seen.insert(commits);
    if (cut % 7 != 0) continue;
    // A power cut may leave anything behind what was synced.
    ASSERT_EQ(CommitsIn(path, wal, cut, std::string(3000, '\xa5'), folder + "/cut"), commits);
  }
  EXPECT_EQ(last, kCommits);
  EXPECT_EQ(seen.size(), kCommits + 1) << "each commit was cut away";
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace cronium::agent
