// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/execution_spool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "log_test_util.h"
#include "tests/agent/runtime/temp_folder.h"

namespace cronium::agent {
namespace {

constexpr int64_t kNow = 1'700'000'000'000'000'000;

class ExecutionSpoolTest : public testing::Test {
 protected:
  ExecutionSpoolTest() {
    for (int stream : {0, 1}) {
      int ends[2];
      EXPECT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
      fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
      readers_[stream].Reset(ends[0]);
      writers_[stream].Reset(ends[1]);
    }
    Open();
  }

  void Open() {
    spool_.reset();
    auto spool = ExecutionSpool::Open(folder_.path("exec_1"), kNow, 4096, &total_);
    ASSERT_TRUE(spool.ok()) << spool.status();
    spool_ = *std::move(spool);
  }

  void Write(int stream, const std::string& data) {
    ASSERT_TRUE(WriteAll(writers_[stream].get(), data).ok());
  }
  size_t Take(int stream) {
    const auto taken = spool_->Take(stream, readers_[stream].get(), 1 << 20);
    EXPECT_TRUE(taken.ok()) << taken.status();
    return taken.ok() ? *taken : 0;
  }
  int64_t Index(int stream, bool more = false) {
    const auto entries = spool_->Index(stream, more, kNow);
    EXPECT_TRUE(entries.ok()) << entries.status();
    return entries.ok() ? *entries : -1;
  }
  void Capture(int stream, const std::string& data) {
    Write(stream, data);
    ASSERT_EQ(Take(stream), data.size());
    Index(stream);
  }
  ReadBack All(size_t max_bytes = 100'000) {
    return ReadAll([this](uint64_t after, size_t max) { return spool_->Read(after, max); },
                   max_bytes);
  }

  TempFolder folder_;
  std::atomic<int64_t> total_ = 0;
  UniqueFd readers_[2];
  UniqueFd writers_[2];
  std::shared_ptr<ExecutionSpool> spool_;
};

TEST_F(ExecutionSpoolTest, NumbersEntriesOverBothStreamsInTheOrderOfCapture) {
  Capture(0, "a\nb\n");
  Capture(1, "c\n");
  Capture(0, "\n\nd");
  const ReadBack log = All();
  ASSERT_EQ(log.chunks.size(), 3u);
  EXPECT_EQ(log.chunks[0].first_seq(), 1u);
  EXPECT_EQ(log.chunks[1].first_seq(), 3u);
  EXPECT_EQ(log.chunks[1].stream(), v1::LOG_STREAM_STDERR);
  EXPECT_EQ(log.chunks[2].entry_count(), 3u);
  EXPECT_EQ(log.last_seq, 6u);
  EXPECT_EQ(log.chunks[0].time().seconds(), kNow / 1'000'000'000);
}

TEST_F(ExecutionSpoolTest, AnUnfinishedLineWaitsOnlyWhileItsRestIsKnownToBeThere) {
  Write(0, "one\ntw");
  Take(0);
  EXPECT_EQ(Index(0, /*more=*/true), 1);
  EXPECT_TRUE(spool_->HasUnindexed(0));
  Write(0, "o\nthree");
  Take(0);
  EXPECT_EQ(Index(0, /*more=*/false), 2);
  EXPECT_FALSE(spool_->HasUnindexed(0));
  const ReadBack log = All();
  ASSERT_EQ(log.chunks.size(), 2u);
  EXPECT_EQ(log.chunks[0].data(), "one\n");
  EXPECT_EQ(log.chunks[1].data(), "two\nthree");
}

TEST_F(ExecutionSpoolTest, ALineOfMoreThan64KiBIsCutEvery64KiB) {
  const std::string line = std::string(200'000, 'x') + "\n";
  Write(0, line);
  Take(0);
  EXPECT_EQ(Index(0, /*more=*/true), 4);
  EXPECT_EQ(All().streams[0], line);
  Write(0, std::string(200'000, 'y'));
  Take(0);
  EXPECT_EQ(Index(0, /*more=*/true), 3) << "whole pieces do not wait";
  EXPECT_EQ(Index(0, /*more=*/false), 1);
}

TEST_F(ExecutionSpoolTest, WhatWasTakenAndNotIndexedIsIndexedWhenOpenedAgain) {
  Capture(0, "a\n");
  Write(0, "b\nc");
  Write(1, "d\n");
  Take(0);
  Take(1);
  EXPECT_EQ(All().last_seq, 1u);
  Open();
  const ReadBack log = All();
  EXPECT_EQ(log.streams[0], "a\nb\nc");
  EXPECT_EQ(log.streams[1], "d\n");
  EXPECT_EQ(log.last_seq, 4u);
}

TEST_F(ExecutionSpoolTest, AnIndexTornAtAnyByteLosesNothing) {
  Capture(0, "a\n");
  Capture(1, "b\nc\n");
  Capture(0, "d\ne");
  spool_.reset();
  const std::string index_path = folder_.path("exec_1/index");
  const std::string whole = *ReadFile(index_path);
  for (size_t size = 0; size <= whole.size(); ++size) {
    if (size > 0 && size < LogIndex::kHeaderBytes) size = LogIndex::kHeaderBytes;
    ASSERT_TRUE(WriteFileAtomic(index_path, whole.substr(0, size), 0600).ok());
    Open();
    const ReadBack log = All();
    EXPECT_EQ(log.streams[0], "a\nd\ne") << size;
    EXPECT_EQ(log.streams[1], "b\nc\n") << size;
    EXPECT_EQ(log.last_seq, 5u) << size;
    spool_.reset();
  }
}

TEST_F(ExecutionSpoolTest, ReadsFromAnyEntryAndAsMuchAsAsked) {
  Capture(0, "1\n22\n333\n4444\n");
  Capture(1, "5\n");
  for (uint64_t after = 0; after < 5; ++after) {
    const auto chunks = spool_->Read(after, 1000);
    ASSERT_TRUE(chunks.ok());
    EXPECT_EQ(chunks->front().first_seq(), after + 1);
  }
  EXPECT_TRUE(spool_->Read(5, 1000)->empty());
  EXPECT_TRUE(spool_->Read(99, 1000)->empty());
  // At least one entry, however little was asked for; else whole entries that fit.
  EXPECT_EQ(spool_->Read(0, 0)->front().data(), "1\n");
  EXPECT_EQ(spool_->Read(0, kChunkOverheadBytes + 6)->front().data(), "1\n22\n");
  for (size_t max_bytes : {size_t{1}, kChunkOverheadBytes + 5, size_t{10'000}}) {
    EXPECT_EQ(All(max_bytes).streams[0], "1\n22\n333\n4444\n");
    EXPECT_EQ(All(max_bytes).last_seq, 5u);
  }
}

TEST_F(ExecutionSpoolTest, AcknowledgedEntriesAreGoneAlsoInTheMiddleOfAChunkAndAfterReopening) {
  Capture(0, "1\n2\n3\n");
  Capture(1, "4\n");
  ASSERT_TRUE(spool_->Acknowledge(2).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(spool_->State().acknowledged_seq, 2u);
    EXPECT_EQ(spool_->Read(1, 1000).status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_EQ(spool_->Read(2, 1000)->front().data(), "3\n");
    EXPECT_EQ(spool_->Read(2, 1000)->size(), 2u);
    Open();
  }
  ASSERT_TRUE(spool_->Acknowledge(1).ok()) << "an older one changes nothing";
  EXPECT_EQ(spool_->State().acknowledged_seq, 2u);
  ASSERT_TRUE(spool_->Acknowledge(1'000).ok()) << "one beyond the end is one of all";
  EXPECT_EQ(spool_->State().acknowledged_seq, 4u);
  EXPECT_EQ(spool_->spool_bytes(), 0);
  EXPECT_EQ(total_, 0);
  Open();
  Capture(0, "5\n");
  EXPECT_EQ(spool_->Read(4, 1000)->front().first_seq(), 5u);
}

TEST_F(ExecutionSpoolTest, CountsWhatItHoldsTheSameAfterReopening) {
  Capture(0, std::string(10'000, 'x') + "\n");
  Capture(1, "y\n");
  Capture(0, "z\n");
  const int64_t all = spool_->spool_bytes();
  EXPECT_EQ(all, 10'001 + 2 + 2 + 3 * static_cast<int64_t>(LogIndex::kRecordBytes));
  ASSERT_TRUE(spool_->Acknowledge(1).ok());
  const int64_t rest = spool_->spool_bytes();
  EXPECT_EQ(rest, 2 + 2 + 2 * static_cast<int64_t>(LogIndex::kRecordBytes));
  Open();
  EXPECT_EQ(spool_->spool_bytes(), rest);
  EXPECT_EQ(total_, rest);
}

TEST_F(ExecutionSpoolTest, AnAcknowledgementFreesTheSameWhetherWhatItCoversWasReadOrNot) {
  for (int i = 0; i < 6; ++i) Capture(i % 2, absl::StrCat("line ", i, "\nand more\n"));
  const std::vector<v1::LogChunk> chunks = All().chunks;
  for (const v1::LogChunk& chunk : chunks) {
    const uint64_t last = chunk.first_seq() + chunk.entry_count() - 1;
    ASSERT_TRUE(spool_->Read(chunk.first_seq() - 1, 100'000).ok());
    ASSERT_TRUE(spool_->Acknowledge(last).ok());
    const int64_t read = spool_->State().spool_bytes;
    // The index says it anew.
    Open();
    EXPECT_EQ(spool_->State().spool_bytes, read) << "after " << last;
  }
  EXPECT_EQ(spool_->State().spool_bytes, 0);
}

TEST_F(ExecutionSpoolTest, AcknowledgedBytesGiveTheirBlocksBack) {
  for (int i = 0; i < 16; ++i) Capture(0, std::string(65'535, 'x') + "\n");
  const int64_t before = AllocatedBytes(folder_.path("exec_1/stdout"));
  ASSERT_GE(before, 1 << 20);
  ASSERT_TRUE(spool_->Acknowledge(8).ok());
  EXPECT_LE(AllocatedBytes(folder_.path("exec_1/stdout")), before / 2 + 8192);
  EXPECT_EQ(spool_->Read(8, 100'000)->front().data(), std::string(65'535, 'x') + "\n");
  ASSERT_TRUE(spool_->Acknowledge(16).ok());
  EXPECT_LE(AllocatedBytes(folder_.path("exec_1/stdout")), 8192);
}

TEST_F(ExecutionSpoolTest, AStreamShorterThanItsIndexIsCutToWhatIsThere) {
  Capture(0, "a\nb\n");
  Capture(1, "c\n");
  Capture(0, "d\n");
  ASSERT_TRUE(spool_->Acknowledge(2).ok());
  spool_.reset();
  ASSERT_EQ(truncate(folder_.path("exec_1/stdout").c_str(), 5), 0);
  Open();
  EXPECT_EQ(spool_->last_seq(), 4u) << "c, and the half line that is left of d";
  EXPECT_EQ(spool_->Read(2, 1000)->front().data(), "c\n");
}

}  // namespace
}  // namespace cronium::agent
