// SPDX-License-Identifier: Apache-2.0
// What the log store promises while nothing breaks.
#include "controller/logs/log_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/fault.h"
#include "common/mutex.h"
#include "tests/controller/logs/log_test_support.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LogStoreTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open(LogStoreOptions options = {}) {
    store_.reset();
    store_ = MustOpen(dir_.path() + "/logs", options);
    ASSERT_NE(store_, nullptr);
  }
  LogStore& store() { return *store_; }
  uint64_t DurableSeq(const LogKey& key) {
    const auto state = store().Summary(key);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? state->durable_seq : 0;
  }

  TempDir dir_;
  std::unique_ptr<LogStore> store_;
};

TEST_F(LogStoreTest, WhatWasAppendedIsReadBackByteForByteWithStreamAndTime) {
  const std::string binary = std::string("a\0b\xff\xfe\r\n\n\n", 9) + "partial";
  const auto result =
      Append(store(), Key(), {Chunk(1, binary, kOut, 7), Chunk(5, "error\n", kErr, 8)});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->durable_seq, 5u);
  EXPECT_FALSE(result->rewind);
  EXPECT_EQ(result->bytes, binary.size() + 6);

  const auto chunks = ReadAll(store(), Key());
  ASSERT_THAT(chunks, SizeIs(2));
  EXPECT_EQ(chunks[0].data(), binary);
  EXPECT_EQ(chunks[0].entry_count(), 4u);
  EXPECT_EQ(chunks[0].time().seconds(), 7);
  EXPECT_EQ(chunks[0].time().nanos(), 1);
  EXPECT_EQ(chunks[1].stream(), kErr);

  const auto state = store().Summary(Key());
  EXPECT_EQ(state->summary.last_seq(), 5u);
  EXPECT_EQ(state->summary.bytes(), binary.size() + 6);
  EXPECT_FALSE(state->summary.truncated());
  EXPECT_FALSE(state->summary.uncertain());
}

TEST_F(LogStoreTest, AnUnknownExecutionHasAnEmptyLogAndLeavesNoTrace) {
  const auto state = store().Summary(Key());
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->durable_seq, 0u);
  const auto page = store().Read(Key(), 0, 1000);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(page->chunks, IsEmpty());
  EXPECT_TRUE(page->at_end);
  EXPECT_EQ(*store().ReadTail(Key(), 10), 0u);
  EXPECT_EQ(*store().SeekTime(Key(), kAssignTime), 0u);
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/logs/default"));
}

TEST_F(LogStoreTest, AnEmptyBatchTellsWhatIsDurable) {
  EXPECT_EQ(Append(store(), Key(), {})->durable_seq, 0u);
  ASSERT_TRUE(Append(store(), Key(), {Chunk(1, "a\nb\n")}).ok());
  EXPECT_EQ(Append(store(), Key(), {})->durable_seq, 2u);
}

TEST_F(LogStoreTest, RepeatsAreDroppedAndAnOverlapIsCutAtTheBorder) {
  ASSERT_TRUE(Append(store(), Key(), {Chunk(1, "1\n2\n"), Chunk(3, "3\n")}).ok());
  const auto repeat = Append(store(), Key(), {Chunk(1, "1\n2\n"), Chunk(3, "3\n")});
  EXPECT_EQ(repeat->durable_seq, 3u);
  EXPECT_FALSE(repeat->rewind);
  EXPECT_EQ(repeat->bytes, 6u) << "they count for the window all the same";
  const auto overlap = Append(store(), Key(), {Chunk(2, "2\n3\n4\n5"), Chunk(6, "6\n")});
  EXPECT_EQ(overlap->durable_seq, 6u);
  EXPECT_THAT(Entries(ReadAll(store(), Key())),
              ElementsAre(Entry{1, kOut, "1\n"}, Entry{2, kOut, "2\n"}, Entry{3, kOut, "3\n"},
                          Entry{4, kOut, "4\n"}, Entry{5, kOut, "5"}, Entry{6, kOut, "6\n"}));
  EXPECT_EQ(store().Summary(Key())->summary.bytes(), 11u);
}

TEST_F(LogStoreTest, ABatchWithAGapIsRefusedWholeAndAsksToGoBack) {
  ASSERT_TRUE(Append(store(), Key(), {Chunk(1, "1\n")}).ok());
  auto gap = Append(store(), Key(), {Chunk(3, "3\n")});
  EXPECT_TRUE(gap->rewind);
  EXPECT_EQ(gap->durable_seq, 1u);
  EXPECT_EQ(gap->bytes, 2u);
  gap = Append(store(), Key(), {Chunk(2, "2\n"), Chunk(4, "4\n")});
  EXPECT_TRUE(gap->rewind);
  EXPECT_EQ(gap->durable_seq, 1u) << "nothing of it was stored";
  EXPECT_EQ(Append(store(), Key(), {Chunk(2, "2\n3\n4\n")})->durable_seq, 4u);
  EXPECT_THAT(Entries(ReadAll(store(), Key())), SizeIs(4));
}

TEST_F(LogStoreTest, BatchesSentAheadOfAGapAllAskToGoBackAndTheRestFollows) {
  std::vector<std::future<Appended>> results;
  for (const uint64_t first : {1, 3, 4, 2, 3, 4}) {
    results.push_back(AppendAsync(store(), Key(), {Chunk(first, absl::StrCat(first, "\n"))}));
  }
  std::vector<bool> rewinds;
  rewinds.reserve(results.size());
  for (auto& result : results) rewinds.push_back(result.get()->rewind);
  EXPECT_THAT(rewinds, ElementsAre(false, true, true, false, false, false));
  EXPECT_THAT(Entries(ReadAll(store(), Key())), SizeIs(4));
}

TEST_F(LogStoreTest, AMalformedBatchIsRefusedByTheNameOfItsField) {
  const auto refused = [&](LogKey key, v1::LogChunk chunk) {
    const auto result = Append(store(), key, {Chunk(1, "fine\n"), std::move(chunk)});
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << result.status();
    return std::string(result.status().message());
  };
  v1::LogChunk chunk = Chunk(2, "a\nb\n");
  chunk.set_entry_count(3);
  EXPECT_THAT(refused(Key(), chunk), HasSubstr("chunks[1].entry_count: is 3"));
  EXPECT_THAT(refused(Key(), Chunk(2, "")), HasSubstr("chunks[1].data"));
  EXPECT_THAT(refused(Key(), Chunk(2, std::string(kMaxLogChunkBytes + 1, 'x'))),
              HasSubstr("chunks[1].data"));
  EXPECT_THAT(refused(Key(), Chunk(0, "a")), HasSubstr("chunks[1].first_seq"));
  EXPECT_THAT(refused(Key(), Chunk(~uint64_t{0}, "a")), HasSubstr("chunks[1].first_seq"));
  EXPECT_THAT(refused(Key(), Chunk(2, "a", v1::LOG_STREAM_UNSPECIFIED)), HasSubstr("stream"));
  chunk = Chunk(2, "a");
  chunk.mutable_time()->set_nanos(-1);
  EXPECT_THAT(refused(Key(), chunk), HasSubstr("chunks[1].time"));
  chunk = Chunk(2, "a");
  chunk.mutable_cut()->set_last_seq(9);
  EXPECT_THAT(refused(Key(), chunk), HasSubstr("chunks[1].cut"));
  EXPECT_THAT(refused(Key("../../etc/passwd"), Chunk(2, "a")), HasSubstr("execution_id"));
  EXPECT_THAT(refused(Key("exec_000000000001", "../x"), Chunk(2, "a")), HasSubstr("namespace"));
  EXPECT_EQ(DurableSeq(Key()), 0u);
  EXPECT_EQ(store().Read(Key("nonsense"), 0, 1).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(LogStoreTest, ReadingBeginsAtAnyEntryAndPagesOfAnySizeJoin) {
  std::vector<v1::LogChunk> chunks;
  std::vector<Entry> all;
  uint64_t seq = 1;
  for (int i = 0; i < 60; ++i) {
    std::string data;
    for (int line = 0; line <= i % 7; ++line) absl::StrAppend(&data, "line ", seq + line, "\n");
    chunks.push_back(Chunk(seq, data, i % 3 == 0 ? kErr : kOut));
    seq += chunks.back().entry_count();
    // Some alone, some together, so that frames hold one chunk and several.
    if (i % 5 == 0) {
      ASSERT_TRUE(Append(store(), Key(), std::exchange(chunks, {})).ok());
    }
  }
  ASSERT_TRUE(Append(store(), Key(), chunks).ok());
  all = Entries(ReadAll(store(), Key()));
  ASSERT_EQ(all.size(), seq - 1);
  for (const int64_t page_bytes : {1, 50, 1000, 1 << 20}) {
    for (uint64_t after = 0; after < seq; after += 3) {
      const std::vector<Entry> expected(all.begin() + static_cast<int64_t>(after), all.end());
      ASSERT_EQ(Entries(ReadAll(store(), Key(), after, page_bytes)), expected)
          << after << " " << page_bytes;
    }
  }
  const auto beyond = store().Read(Key(), seq + 5, 100);
  EXPECT_TRUE(beyond->at_end);
  EXPECT_THAT(beyond->chunks, IsEmpty());
  EXPECT_EQ(beyond->next_after_seq, seq + 5);
}

TEST_F(LogStoreTest, APageIsBoundedButHoldsAtLeastOneChunk) {
  ASSERT_TRUE(Append(store(), Key(),
                     {Chunk(1, std::string(99, 'a') + "\n"), Chunk(2, std::string(99, 'b') + "\n"),
                      Chunk(3, std::string(99, 'c') + "\n")})
                  .ok());
  auto page = store().Read(Key(), 0, 10);
  EXPECT_THAT(page->chunks, SizeIs(1));
  EXPECT_FALSE(page->at_end);
  page = store().Read(Key(), 0, 200);
  EXPECT_THAT(page->chunks, SizeIs(2));
  page = store().Read(Key(), 2, 100);
  EXPECT_THAT(page->chunks, SizeIs(1));
  EXPECT_TRUE(page->at_end);
}

TEST_F(LogStoreTest, LongLinesArePiecesOf64KiBAndJoinExactly) {
  std::string line;
  std::mt19937 random(1);
  while (line.size() < (1 << 20)) line.push_back(static_cast<char>('a' + random() % 26));
  uint64_t seq = 1;
  for (size_t at = 0; at < line.size(); at += kMaxLogChunkBytes) {
    ASSERT_TRUE(Append(store(), Key(), {Chunk(seq, line.substr(at, kMaxLogChunkBytes))}).ok());
    seq += 4;
  }
  EXPECT_EQ(DurableSeq(Key()), 16u);
  std::string joined;
  for (const Entry& entry : Entries(ReadAll(store(), Key(), 5))) joined += entry.data;
  EXPECT_EQ(joined, line.substr(5 * kMaxLogEntryBytes));
}

TEST_F(LogStoreTest, TailAndTimeLeadToTheRightEntry) {
  // Times of the second stream lag behind: they need not grow with the sequence.
  ASSERT_TRUE(
      Append(store(), Key(),
             {Chunk(1, "1\n2\n", kOut, 100), Chunk(3, "3\n", kErr, 90), Chunk(4, "4\n", kOut, 110)})
          .ok());
  ASSERT_TRUE(Append(store(), Key(), {Chunk(5, "5\n6\n7\n", kErr, 105)}).ok());
  ASSERT_TRUE(Append(store(), Key(), {Chunk(8, "8\n", kErr, 120)}).ok());
  EXPECT_EQ(*store().ReadTail(Key(), 0), 8u);
  EXPECT_EQ(*store().ReadTail(Key(), 3), 5u);
  EXPECT_EQ(*store().ReadTail(Key(), 8), 0u);
  EXPECT_EQ(*store().ReadTail(Key(), 1000), 0u);
  const auto seek = [&](int64_t second) {
    return *store().SeekTime(Key(), absl::FromUnixSeconds(second));
  };
  EXPECT_EQ(seek(-5), 0u);
  EXPECT_EQ(seek(0), 0u);
  EXPECT_EQ(seek(100), 0u);
  EXPECT_EQ(seek(101), 3u);
  EXPECT_EQ(seek(110), 3u);
  EXPECT_EQ(seek(111), 7u);
  EXPECT_EQ(seek(120), 7u);
  EXPECT_EQ(seek(121), 8u);
}

TEST_F(LogStoreTest, ALogOfManySmallFramesIsFoundThroughItsSparseIndex) {
  constexpr uint64_t kFrames = 600;
  for (uint64_t seq = 1; seq <= kFrames; ++seq) {
    // Appends of one group would join in a frame; waiting for each keeps them apart.
    const auto second = static_cast<int64_t>(1000 + seq);
    ASSERT_TRUE(Append(store(), Key(), {Chunk(seq, absl::StrCat(seq, "\n"), kOut, second)}).ok());
  }
  EXPECT_EQ(store().counters().frames, kFrames);
  for (const bool reopened : {false, true}) {
    if (reopened) Open();
    for (uint64_t after = 0; after < kFrames; after += 53) {
      const auto page = store().Read(Key(), after, 1);
      ASSERT_TRUE(page.ok()) << page.status();
      EXPECT_EQ(page->chunks[0].data(), absl::StrCat(after + 1, "\n"));
      EXPECT_EQ(
          *store().SeekTime(Key(), absl::FromUnixSeconds(static_cast<int64_t>(1000 + after + 1))),
          after);
    }
    EXPECT_THAT(ReadAll(store(), Key()), SizeIs(kFrames));
  }
}

TEST_F(LogStoreTest, EverythingIsThereAfterReopening) {
  ASSERT_TRUE(Append(store(), Key(), {Chunk(1, "1\n2\n")}).ok());
  ASSERT_TRUE(Append(store(), Key("exec_other0000000"), {}).ok());
  ASSERT_TRUE(Append(store(), Key("exec_000000000002"), {Chunk(1, "x")}).ok());
  ASSERT_TRUE(Append(store(), Key("exec_000000000001", "other"), {Chunk(1, "y")}).ok());
  LogKey later = Key();
  later.assign_time += absl::Hours(1);
  ASSERT_TRUE(Append(store(), later, {Chunk(1, "z")}).ok());
  Open();
  EXPECT_EQ(DurableSeq(Key()), 2u);
  EXPECT_EQ(Append(store(), Key(), {Chunk(2, "2\n3\n")})->durable_seq, 3u);
  EXPECT_THAT(Entries(ReadAll(store(), Key())), SizeIs(3));
  EXPECT_EQ(ReadAll(store(), Key("exec_000000000002"))[0].data(), "x");
  EXPECT_EQ(ReadAll(store(), Key("exec_000000000001", "other"))[0].data(), "y");
  EXPECT_EQ(ReadAll(store(), later)[0].data(), "z");
  EXPECT_TRUE(std::filesystem::exists(dir_.path() + "/logs/default/20231114T23/frames"));
}

TEST_F(LogStoreTest, FinishKeepsTheLogAndThatItsEndIsUncertain) {
  ASSERT_TRUE(Append(store(), Key(), {Chunk(1, "1\n")}).ok());
  store().Finish(Key(), true);
  store().Finish(Key("exec_000000000002"), false);
  ASSERT_TRUE(Append(store(), Key(), {Chunk(2, "2\n")}).ok()) << "still taken";
  for (const bool reopened : {false, true}) {
    if (reopened) Open();
    const auto state = store().Summary(Key());
    EXPECT_TRUE(state->summary.uncertain());
    EXPECT_EQ(state->durable_seq, 2u);
    EXPECT_FALSE(store().Summary(Key("exec_000000000002"))->summary.uncertain());
    EXPECT_THAT(Entries(ReadAll(store(), Key())), SizeIs(2));
  }
}

TEST_F(LogStoreTest, FewOpenPartitionsAndFewKnownExecutionsServeMany) {
  Open({.max_open_partitions = 2, .max_cached_executions = 3});
  const auto key = [](int partition, int execution) {
    LogKey key = Key(absl::StrCat("exec_", absl::Dec(execution, absl::kZeroPad12)));
    key.assign_time += partition * absl::Hours(1);
    return key;
  };
  for (int round = 0; round < 3; ++round) {
    for (int partition = 0; partition < 5; ++partition) {
      std::vector<std::future<Appended>> results;
      results.reserve(12);
      for (int execution = 0; execution < 12; ++execution) {
        results.push_back(AppendAsync(
            store(), key(partition, execution),
            {Chunk(round + 1, absl::StrCat(partition, ".", execution, ".", round, "\n"))}));
      }
      for (auto& result : results) ASSERT_EQ(result.get()->durable_seq, round + 1u);
    }
  }
  for (int partition = 0; partition < 5; ++partition) {
    for (int execution = 0; execution < 12; ++execution) {
      const auto entries = Entries(ReadAll(store(), key(partition, execution)));
      ASSERT_THAT(entries, SizeIs(3));
      EXPECT_EQ(entries[2].data, absl::StrCat(partition, ".", execution, ".2\n"));
    }
  }
}

TEST_F(LogStoreTest, ASecondProcessIsRefused) {
  const auto second = LogStore::Open({.dir = dir_.path() + "/logs"});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition) << second.status();
}

// ---- Followers

TEST_F(LogStoreTest, AFollowerIsToldOfEachDurableAppendUntilItLeaves) {
  Mutex mutex;
  std::vector<uint64_t> told;
  auto subscription = store().Subscribe(Key(), [&](uint64_t durable_seq) {
    MutexLock lock(&mutex);
    told.push_back(durable_seq);
  });
  ASSERT_TRUE(subscription.ok()) << subscription.status();
  ASSERT_TRUE(Append(store(), Key(), {Chunk(1, "1\n2\n")}).ok());
  ASSERT_TRUE(Append(store(), Key("exec_000000000002"), {Chunk(1, "x")}).ok());
  ASSERT_TRUE(Append(store(), Key(), {Chunk(3, "3\n")}).ok());
  ASSERT_TRUE(Append(store(), Key(), {Chunk(3, "3\n")}).ok()) << "a repeat tells nothing";
  store().Finish(Key(), false);
  ASSERT_TRUE(Append(store(), Key(), {}).ok());
  {
    MutexLock lock(&mutex);
    EXPECT_THAT(told, ElementsAre(2u, 3u, 3u)) << "once more at the end";
  }
  subscription->reset();
  ASSERT_TRUE(Append(store(), Key(), {Chunk(4, "4\n")}).ok());
  MutexLock lock(&mutex);
  EXPECT_THAT(told, SizeIs(3));
}

// Follows a log as a client's stream does: subscribe, read to the end, wait to be told of more.
std::vector<Entry> Follow(LogStore& store, const LogKey& key, uint64_t until_seq) {
  Mutex mutex;
  CondVar told;
  uint64_t durable_seq = 0;
  auto subscription = store.Subscribe(key, [&](uint64_t seq) {
    MutexLock lock(&mutex);
    durable_seq = seq;
    told.NotifyOne();
  });
  EXPECT_TRUE(subscription.ok()) << subscription.status();
  std::vector<v1::LogChunk> chunks;
  uint64_t after_seq = 0;
  while (after_seq < until_seq) {
    auto page = store.Read(key, after_seq, 3000);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) break;
    after_seq = page->next_after_seq;
    for (auto& chunk : page->chunks) chunks.push_back(std::move(chunk));
    if (!page->at_end || after_seq >= until_seq) continue;
    MutexLock lock(&mutex);
    while (durable_seq <= after_seq) told.Wait(&mutex);
  }
  return Entries(chunks);
}

TEST_F(LogStoreTest, FollowersThatJoinAtAnyTimeSeeEachEntryOnce) {
  constexpr uint64_t kLast = 4000;
  std::vector<std::vector<Entry>> seen(6);
  std::vector<std::thread> followers;
  std::vector<std::future<Appended>> results;
  for (uint64_t seq = 1; seq <= kLast; ++seq) {
    if (seq % (kLast / 5) == 1 && followers.size() < seen.size()) {
      followers.emplace_back(
          [this, out = &seen[followers.size()]] { *out = Follow(store(), Key(), kLast); });
    }
    results.push_back(AppendAsync(store(), Key(), {Chunk(seq, absl::StrCat("l", seq, "\n"))}));
    if (results.size() > 50) {
      ASSERT_TRUE(results.front().get().ok());
      results.erase(results.begin());
    }
  }
  followers.emplace_back([&] { seen.back() = Follow(store(), Key(), kLast); });
  for (std::thread& follower : followers) follower.join();
  for (const auto& entries : seen) {
    ASSERT_EQ(entries.size(), kLast);
    for (uint64_t i = 0; i < kLast; ++i) {
      ASSERT_EQ(entries[i], (Entry{i + 1, kOut, absl::StrCat("l", i + 1, "\n")}));
    }
  }
}

// ---- Many at once

// Batches of an agent that loses its connection and its place now and then.
void SendAll(LogStore& store, const LogKey& key, const std::vector<v1::LogChunk>& log,
             uint32_t seed) {
  std::mt19937 random(seed);
  size_t next = 0;
  while (next < log.size()) {
    const size_t begin = next - std::min<size_t>(next, random() % 4 == 0 ? random() % 6 : 0);
    const size_t skip = random() % 8 == 0 ? 1 : 0;
    const size_t from = std::min(begin + skip, log.size() - 1);
    const size_t to = std::min(log.size(), from + 1 + random() % 5);
    const auto result =
        Append(store, key,
               {log.begin() + static_cast<int64_t>(from), log.begin() + static_cast<int64_t>(to)});
    ASSERT_TRUE(result.ok()) << result.status();
    // As the protocol has it: go on behind what is durable.
    next = 0;
    while (next < log.size() &&
           log[next].first_seq() + log[next].entry_count() - 1 <= result->durable_seq) {
      ++next;
    }
    ASSERT_EQ(result->rewind, log[from].first_seq() > result->durable_seq + 1);
  }
}

TEST_F(LogStoreTest, ManyExecutionsWithRepeatsAndGapsKeepTheirOwnLogsWhole) {
  Open({.max_group_bytes = 4096, .max_cached_executions = 4});
  constexpr int kExecutions = 12;
  std::vector<std::vector<v1::LogChunk>> logs(kExecutions);
  std::mt19937 random(7);
  for (auto& log : logs) {
    uint64_t seq = 1;
    for (int i = 0; i < 150; ++i) {
      std::string data;
      for (size_t bytes = random() % 200 + 1; bytes > 0; --bytes) {
        data.push_back(random() % 9 == 0 ? '\n' : static_cast<char>(random()));
      }
      log.push_back(Chunk(seq, data, random() % 2 == 0 ? kOut : kErr));
      seq += log.back().entry_count();
    }
  }
  const auto key = [](int i) { return Key(absl::StrCat("exec_", absl::Dec(i, absl::kZeroPad12))); };
  std::vector<std::thread> agents;
  agents.reserve(kExecutions);
  for (int i = 0; i < kExecutions; ++i) {
    agents.emplace_back([&, i] { SendAll(store(), key(i), logs[i], i); });
  }
  for (std::thread& agent : agents) agent.join();
  for (const bool reopened : {false, true}) {
    if (reopened) Open();
    for (int i = 0; i < kExecutions; ++i) {
      ASSERT_EQ(Entries(ReadAll(store(), key(i))), Entries(logs[i]));
    }
  }
}

TEST_F(LogStoreTest, ManyAppendsShareASyncAndAFrame) {
  std::vector<std::future<Appended>> results;
  for (uint64_t seq = 1; seq <= 2000; ++seq) {
    results.push_back(AppendAsync(store(), Key(), {Chunk(seq, "line\n")}));
  }
  for (auto& result : results) ASSERT_TRUE(result.get().ok());
  const LogStoreCounters counters = store().counters();
  EXPECT_EQ(counters.appends, 2000u);
  EXPECT_EQ(counters.bytes, 10'000u);
  EXPECT_LT(counters.syncs, 2000u);
  EXPECT_LE(counters.frames, counters.syncs);
}

TEST_F(LogStoreTest, AppendSaysWhenTheQueueIsFull) {
  Open({.max_queue_bytes = 9'000});
  // A follower that holds the writer thread, so that nothing is completed meanwhile.
  std::promise<void> entered;
  std::promise<void> let_go;
  auto subscription = store().Subscribe(Key(), [&, first = true](uint64_t) mutable {
    if (!std::exchange(first, false)) return;
    entered.set_value();
    let_go.get_future().wait();
  });
  auto first = AppendAsync(store(), Key(), {Chunk(1, "x\n")});
  entered.get_future().wait();
  std::atomic<int> done{0};
  const auto append = [&](uint64_t seq) {
    return store().Append(Key(), kNoLimit, {Chunk(seq, std::string(3999, 'x') + "\n")},
                          [&](const Appended& result) { done += result.ok() ? 1 : 0; });
  };
  EXPECT_TRUE(append(2));
  EXPECT_FALSE(append(3));
  let_go.set_value();
  EXPECT_EQ(Append(store(), Key(), {})->durable_seq, 3u);
  EXPECT_EQ(done, 2) << "what was over the bound was taken all the same";
}

// ---- A disk that fails

// The size that files of this process may have, for real errors of write().
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = old_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &old_); }

 private:
  rlimit old_;
};

std::string Noise(size_t bytes, uint32_t seed) {
  std::mt19937 random(seed);
  std::string data;
  while (data.size() < bytes) data.push_back(static_cast<char>(random()));
  return data;
}

TEST_F(LogStoreTest, AWriteThatFailsIsRepeatedAndNothingIsAcknowledgedMeanwhile) {
  Open({.min_backoff = absl::Milliseconds(1), .max_backoff = absl::Milliseconds(5)});
  ASSERT_TRUE(Append(store(), Key(), {Chunk(1, "before\n")}).ok());
  const std::string noise = Noise(100'000, 3);
  const v1::LogChunk chunk = Chunk(2, noise);
  const uint64_t last = 1 + chunk.entry_count();
  std::future<Appended> pending;
  std::future<Appended> other;
  {
    const FileSizeLimit limit(50'000);
    pending = AppendAsync(store(), Key(), {chunk});
    while (store().counters().failures < 3) std::this_thread::yield();
    EXPECT_FALSE(store().Health().ok());
    EXPECT_EQ(DurableSeq(Key()), 1u) << "reads go on";
    EXPECT_EQ(Entries(ReadAll(store(), Key())).back().data, "before\n");
    // Another partition is not held up.
    EXPECT_TRUE(Append(store(), Key("exec_000000000001", "other"), {Chunk(1, "x")}).ok());
    other = AppendAsync(store(), Key(), {Chunk(last + 1, "after\n")});
  }
  EXPECT_GE(pending.get()->durable_seq, last);
  EXPECT_EQ(other.get()->durable_seq, last + 1);
  ASSERT_TRUE(Append(store(), Key("exec_000000000001", "other"), {}).ok());
  EXPECT_TRUE(store().Health().ok()) << store().Health();
  Open();
  std::string all;
  for (const Entry& entry : Entries(ReadAll(store(), Key()))) all += entry.data;
  EXPECT_EQ(all, "before\n" + noise + "after\n");
}

TEST_F(LogStoreTest, ShutdownStoresWhatWaitsOrSaysWhyItCouldNot) {
  auto stored = AppendAsync(store(), Key(), {Chunk(1, "1\n")});
  store().Shutdown(absl::Seconds(60));
  EXPECT_TRUE(stored.get().ok());
  EXPECT_EQ(Append(store(), Key(), {Chunk(2, "2\n")}).status().code(),
            absl::StatusCode::kUnavailable);

  Open({.min_backoff = absl::Hours(1), .max_backoff = absl::Hours(1)});
  const FileSizeLimit limit(20'000);
  auto failing = AppendAsync(store(), Key(), {Chunk(2, Noise(60'000, 4))});
  while (store().counters().failures == 0) std::this_thread::yield();
  store().Shutdown(absl::Milliseconds(1));
  const absl::Status status = failing.get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write"));
}

// ---- What is kept for followers

TEST_F(LogStoreTest, AFollowerThatKeepsUpReadsFromMemoryAndALaterOneFromDisk) {
  ASSERT_TRUE(Append(store(), Key(), {Chunk(1, "1\n2\n")}).ok());
  auto subscription = store().Subscribe(Key(), [](uint64_t) {});
  ASSERT_TRUE(subscription.ok()) << subscription.status();
  ASSERT_TRUE(Append(store(), Key(), {Chunk(2, "2\n3\n")}).ok());
  ASSERT_TRUE(Append(store(), Key(), {Chunk(4, "4\n")}).ok());
  const auto from_both = Entries(ReadAll(store(), Key()));
  ASSERT_THAT(from_both, SizeIs(4));
  std::string frames;
  for (const auto& file : std::filesystem::recursive_directory_iterator(dir_.path())) {
    if (file.path().filename() == "frames") frames = file.path();
  }
  const std::string copy = dir_.path() + "/copy";
  std::filesystem::copy_file(frames, copy);
  std::filesystem::resize_file(frames, 0);
  EXPECT_THAT(Entries(ReadAll(store(), Key(), 2)),
              ElementsAre(Entry{3, kOut, "3\n"}, Entry{4, kOut, "4\n"}))
      << "without its file";
  EXPECT_FALSE(store().Read(Key(), 0, 1000).ok()) << "the first was there before the follower";
  subscription->reset();
  EXPECT_FALSE(store().Read(Key(), 2, 1000).ok()) << "nothing is kept for nobody";
  std::filesystem::copy_file(copy, frames, std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(Entries(ReadAll(store(), Key())), from_both);
}

TEST_F(LogStoreTest, ARoundThatIsRepeatedForOneLogLeavesTheOthersAndTheirFollowersWhole) {
  Open({.min_backoff = absl::Milliseconds(1), .max_backoff = absl::Milliseconds(5)});
  const LogKey followed = Key();
  const LogKey large = Key("exec_000000000002");
  auto subscription = store().Subscribe(followed, [](uint64_t) {});
  ASSERT_TRUE(subscription.ok()) << subscription.status();
  // In one round: the head of both is written, and then the tail of the large one, which fails
  // once.
  store().Pause(absl::ResourceExhaustedError("not yet"));
  std::vector<std::future<Appended>> appends;
  appends.push_back(AppendAsync(store(), followed, {Chunk(1, "1\n2\n")}, LogStore::kMinLimitBytes));
  const std::string noise = Noise(400'000, 5);
  std::vector<v1::LogChunk> chunks = {Chunk(1, noise.substr(0, 200'000))};
  chunks.push_back(Chunk(1 + chunks[0].entry_count(), noise.substr(200'000)));
  const uint64_t last = chunks[0].entry_count() + chunks[1].entry_count();
  appends.push_back(AppendAsync(store(), large, chunks, LogStore::kMinLimitBytes));
  appends.push_back(AppendAsync(store(), followed, {Chunk(3, "3\n")}, LogStore::kMinLimitBytes));
  std::atomic<int> writes = 0;
  SetFaultHook([&writes](absl::string_view name) {
    return name == "controller.logs.write" && ++writes == 2;
  });
  store().Pause(absl::OkStatus());
  const uint64_t durable[] = {3, last, 3};
  for (size_t i = 0; i < appends.size(); ++i) {
    const Appended result = appends[i].get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_FALSE(result->rewind);
    EXPECT_EQ(result->durable_seq, durable[i]);
  }
  SetFaultHook(nullptr);
  EXPECT_GE(writes, 3) << "the second failed";
  EXPECT_THAT(Entries(ReadAll(store(), followed)),
              ElementsAre(Entry{1, kOut, "1\n"}, Entry{2, kOut, "2\n"}, Entry{3, kOut, "3\n"}));
  std::string all;
  for (const Entry& entry : Entries(ReadAll(store(), large))) all += entry.data;
  EXPECT_EQ(all, noise);
}

// ---- Removal and pauses

TEST_F(LogStoreTest, ListsItsPartitionsAndRemovesOneOfThem) {
  LogKey later = Key("exec_000000000002");
  later.assign_time += absl::Hours(5);
  ASSERT_TRUE(Append(store(), Key(), {Chunk(1, "a\n")}).ok());
  ASSERT_TRUE(Append(store(), later, {Chunk(1, "b\n")}).ok());
  const auto partitions = store().ListPartitions();
  ASSERT_TRUE(partitions.ok()) << partitions.status();
  ASSERT_THAT(*partitions, SizeIs(2));
  EXPECT_EQ((*partitions)[0].name_space, "default");
  EXPECT_EQ((*partitions)[0].hour, absl::FromUnixSeconds(1'700'000'000 / 3600 * 3600));
  EXPECT_GT((*partitions)[0].disk_bytes, 0);
  EXPECT_EQ((*partitions)[1].hour, (*partitions)[0].hour + absl::Hours(5));

  ASSERT_TRUE(store().RemovePartition((*partitions)[0]).ok());
  EXPECT_TRUE(store().RemovePartition((*partitions)[0]).ok()) << "again, and nothing is there";
  EXPECT_EQ(DurableSeq(Key()), 0u);
  EXPECT_EQ(DurableSeq(later), 1u);
  EXPECT_THAT(*store().ListPartitions(), SizeIs(1));
  Open();
  EXPECT_EQ(DurableSeq(Key()), 0u);
  EXPECT_EQ(DurableSeq(later), 1u);
}

TEST_F(LogStoreTest, WhilePausedNothingIsAcknowledgedAndAfterwardsEverythingIs) {
  ASSERT_TRUE(Append(store(), Key(), {Chunk(1, "before\n")}).ok());
  store().Pause(absl::ResourceExhaustedError("disk full"));
  auto first = AppendAsync(store(), Key(), {Chunk(2, "first\n")});
  auto second = AppendAsync(store(), Key("exec_000000000002"), {Chunk(1, "second\n")});
  while (store().Health().ok()) std::this_thread::yield();
  EXPECT_TRUE(absl::IsResourceExhausted(store().Health()));
  EXPECT_EQ(DurableSeq(Key()), 1u) << "and reading goes on";
  EXPECT_NE(first.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  store().Pause(absl::OkStatus());
  EXPECT_EQ(first.get()->durable_seq, 2u);
  EXPECT_EQ(second.get()->durable_seq, 1u);
  while (!store().Health().ok()) std::this_thread::yield();
}

TEST_F(LogStoreTest, WhilePausedItHoldsNoMoreThanItsQueueAndStopsAtOnce) {
  LogStoreOptions options;
  options.max_queue_bytes = 64 << 10;
  Open(options);
  store().Pause(absl::ResourceExhaustedError("disk full"));
  std::vector<std::future<Appended>> appends;
  bool room = true;
  for (uint64_t i = 1; room && i <= 100; ++i) {
    auto promise = std::make_shared<std::promise<Appended>>();
    appends.push_back(promise->get_future());
    room = store().Append(Key(), kNoLimit, {Chunk(i, std::string(8 << 10, 'x') + "\n")},
                          [promise](Appended result) { promise->set_value(std::move(result)); });
  }
  EXPECT_FALSE(room);
  EXPECT_LT(appends.size(), 10u);
  store().Shutdown(absl::Hours(1));
  for (auto& append : appends) EXPECT_TRUE(absl::IsUnavailable(append.get().status()));
}

}  // namespace
}  // namespace cronium::controller
