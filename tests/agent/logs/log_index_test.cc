// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/log_index.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "common/file.h"
#include "log_test_util.h"
#include "tests/agent/runtime/temp_folder.h"

namespace cronium::agent {
namespace {

IndexRecord Record(uint64_t first_seq, uint32_t entries, uint64_t offset) {
  IndexRecord record;
  record.first_seq = first_seq;
  record.entries = entries;
  record.offset = offset;
  record.length = entries * 10;
  record.time_ns = 1'700'000'000'000'000'000;
  record.stream = first_seq % 2;
  return record;
}

class LogIndexTest : public testing::Test {
 protected:
  // Records of 5 entries each.
  void Make(int count) {
    auto index = LogIndex::Open(path_);
    ASSERT_TRUE(index.ok()) << index.status();
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(index->Append({Record(i * 5 + 1, 5, i * 50)}).ok());
    }
  }
  TempFolder folder_;
  const std::string path_ = folder_.path("index");
};

TEST_F(LogIndexTest, RecordsComeBackAsTheyWere) {
  Make(3);
  const auto index = LogIndex::Open(path_);
  ASSERT_TRUE(index.ok());
  ASSERT_EQ(index->size(), 3u);
  const auto records = index->Read(0, 10);
  ASSERT_EQ(records->size(), 3u);
  EXPECT_EQ(records->at(1).first_seq, 6u);
  EXPECT_EQ(records->at(1).last_seq(), 10u);
  EXPECT_EQ(records->at(1).offset, 50u);
  EXPECT_EQ(records->at(1).stream, 0u);
  EXPECT_EQ(records->at(2).stream, 1u);
}

TEST_F(LogIndexTest, FindsTheRecordOfASeq) {
  Make(100);
  const auto index = LogIndex::Open(path_);
  for (uint64_t seq = 1; seq <= 500; ++seq) {
    EXPECT_EQ(*index->Find(seq, 0, index->size()), (seq - 1) / 5);
  }
}

TEST_F(LogIndexTest, ALastRecordTornAtAnyByteIsCutOff) {
  Make(3);
  const std::string whole = *ReadFile(path_);
  for (size_t cut = 1; cut <= LogIndex::kRecordBytes; ++cut) {
    ASSERT_TRUE(WriteFileAtomic(path_, whole.substr(0, whole.size() - cut), 0600).ok());
    auto index = LogIndex::Open(path_);
    ASSERT_TRUE(index.ok()) << index.status();
    ASSERT_EQ(index->size(), 2u) << cut;
    ASSERT_TRUE(index->Append({Record(11, 5, 100)}).ok());
    EXPECT_EQ(index->Read(0, 10)->size(), 3u);
  }
}

TEST_F(LogIndexTest, ALastRecordWithAnyWrongByteIsCutOff) {
  Make(3);
  const std::string whole = *ReadFile(path_);
  for (size_t at = 1; at <= LogIndex::kRecordBytes; ++at) {
    std::string damaged = whole;
    damaged[damaged.size() - at] = static_cast<char>(damaged[damaged.size() - at] ^ 0x40);
    ASSERT_TRUE(WriteFileAtomic(path_, damaged, 0600).ok());
    const auto index = LogIndex::Open(path_);
    ASSERT_TRUE(index.ok());
    EXPECT_EQ(index->size(), 2u) << at;
  }
}

TEST_F(LogIndexTest, DamageInTheMiddleIsAnErrorWhereItIsRead) {
  Make(3);
  std::string damaged = *ReadFile(path_);
  damaged[LogIndex::kHeaderBytes] ^= 1;
  ASSERT_TRUE(WriteFileAtomic(path_, damaged, 0600).ok());
  const auto index = LogIndex::Open(path_);
  ASSERT_TRUE(index.ok());
  EXPECT_EQ(index->Read(0, 1).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(index->Read(1, 2)->size(), 2u);
}

TEST_F(LogIndexTest, AHeaderTornAtAnyByteStartsAnew) {
  Make(0);
  const std::string header = *ReadFile(path_);
  for (size_t size = 0; size < header.size(); size += 7) {
    ASSERT_TRUE(WriteFileAtomic(path_, header.substr(0, size), 0600).ok());
    const auto index = LogIndex::Open(path_);
    ASSERT_TRUE(index.ok()) << size << " " << index.status();
    EXPECT_EQ(index->size(), 0u);
  }
}

TEST_F(LogIndexTest, AnotherFileIsNoIndex) {
  ASSERT_TRUE(WriteFileAtomic(path_, std::string(8192, 'x'), 0600).ok());
  EXPECT_EQ(LogIndex::Open(path_).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(LogIndexTest, AcknowledgementsSurviveAndATornOneLeavesTheOneBefore) {
  Make(3);
  {
    auto index = LogIndex::Open(path_);
    ASSERT_TRUE(index->Acknowledge(5, 1).ok());
    ASSERT_TRUE(index->Acknowledge(12, 2).ok());
  }
  std::string whole = *ReadFile(path_);
  {
    const auto index = LogIndex::Open(path_);
    EXPECT_EQ(index->acknowledged_seq(), 12u);
    EXPECT_EQ(index->acknowledged_records(), 2u);
  }
  // The second went to place 512, the first to 1024.
  whole[512 + 3] ^= 1;
  ASSERT_TRUE(WriteFileAtomic(path_, whole, 0600).ok());
  EXPECT_EQ(LogIndex::Open(path_)->acknowledged_seq(), 5u);
}

TEST_F(LogIndexTest, AcknowledgedRecordsGiveTheirBlocksBack) {
  Make(20'000);
  const int64_t before = AllocatedBytes(path_);
  {
    auto index = LogIndex::Open(path_);
    ASSERT_TRUE(index->Acknowledge(100'000, 20'000).ok());
    ASSERT_TRUE(index->PunchAcknowledged(4096).ok());
  }
  EXPECT_LT(AllocatedBytes(path_), before / 10);
  auto index = LogIndex::Open(path_);
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->size(), 20'000u);
  EXPECT_EQ(index->Read(19'999, 1)->front().last_seq(), 100'000u);
}

}  // namespace
}  // namespace cronium::agent
