// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/recent_chunks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/controller/logs/log_test_support.h"

namespace cronium::controller::logs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

class RecentChunksTest : public testing::Test {
 protected:
  std::shared_ptr<RecentBudget> budget_ = std::make_shared<RecentBudget>(int64_t{64} << 20);
  RecentChunks recent_{budget_};

  static std::vector<uint64_t> Firsts(const RecentChunks::Chunks& chunks) {
    std::vector<uint64_t> firsts;
    for (const auto& chunk : chunks) firsts.push_back(chunk->first_seq());
    return firsts;
  }
  // A chunk of one entry.
  static std::vector<v1::LogChunk> Entry(uint64_t seq, size_t bytes) {
    return {Chunk(seq, std::string(bytes, 'x'))};
  }
};

TEST_F(RecentChunksTest, GivesTheChunkWithTheNextEntryAndThoseBehindIt) {
  recent_.Add({Chunk(5, "5\n6\n"), Chunk(7, "7\n")});
  recent_.Add({Chunk(8, "8\n")});
  EXPECT_THAT(Firsts(recent_.After(4, kNoLimit)), ElementsAre(5, 7, 8));
  EXPECT_THAT(Firsts(recent_.After(5, kNoLimit)), ElementsAre(5, 7, 8)) << "it holds 6";
  EXPECT_THAT(Firsts(recent_.After(6, kNoLimit)), ElementsAre(7, 8));
  EXPECT_THAT(Firsts(recent_.After(6, 1)), ElementsAre(7));
  EXPECT_THAT(recent_.After(8, kNoLimit), IsEmpty());
  EXPECT_THAT(recent_.After(3, kNoLimit), IsEmpty()) << "4 is on disk only";
}

TEST_F(RecentChunksTest, DropsRepeatsAndStartsOverAfterAGap) {
  recent_.Add({Chunk(1, "1\n2\n")});
  recent_.Add({Chunk(1, "1\n"), Chunk(2, "2\n3\n")});
  EXPECT_THAT(Firsts(recent_.After(0, kNoLimit)), ElementsAre(1, 2));
  recent_.Add({Chunk(10, "10\n")});
  EXPECT_THAT(recent_.After(0, kNoLimit), IsEmpty());
  EXPECT_THAT(Firsts(recent_.After(9, kNoLimit)), ElementsAre(10));
}

TEST_F(RecentChunksTest, KeepsTheNewestWithinItsBound) {
  constexpr size_t kBytes = 60'000;
  constexpr uint64_t kEntries = 2 * RecentChunks::kMaxBytes / kBytes;
  for (uint64_t seq = 1; seq <= kEntries; ++seq) recent_.Add(Entry(seq, kBytes));
  EXPECT_THAT(recent_.After(0, kNoLimit), IsEmpty());
  const uint64_t kept = RecentChunks::kMaxBytes / (kBytes + 200);
  EXPECT_EQ(recent_.After(kEntries - kept, kNoLimit).size(), kept);
}

TEST_F(RecentChunksTest, WhatAllKeepIsBoundedAndGivenBack) {
  const auto small = std::make_shared<RecentBudget>(100'000);
  auto one = std::make_unique<RecentChunks>(small);
  RecentChunks other(small);
  one->Add(Entry(1, 60'000));
  other.Add(Entry(1, 60'000));
  EXPECT_THAT(other.After(0, kNoLimit), IsEmpty()) << "no room left";
  one->Add(Entry(2, 60'000));
  EXPECT_THAT(Firsts(one->After(1, kNoLimit)), ElementsAre(2)) << "its own oldest made room";
  one.reset();
  other.Add(Entry(2, 60'000));
  EXPECT_THAT(Firsts(other.After(1, kNoLimit)), ElementsAre(2));
}

}  // namespace
}  // namespace cronium::controller::logs
