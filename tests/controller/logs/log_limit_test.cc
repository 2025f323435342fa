// SPDX-License-Identifier: Apache-2.0
// Logs that outgrow their limit: head, cut and tail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/mutex.h"
#include "controller/logs/log_store.h"
#include "tests/controller/logs/log_test_support.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

constexpr int64_t kLimit = 1 << 20;

// `bytes` of lines that do not compress to nothing, in chunks of different sizes on both streams.
std::vector<v1::LogChunk> MakeLog(size_t bytes, uint32_t seed = 1, size_t max_line = 300) {
  std::mt19937 random(seed);
  std::vector<v1::LogChunk> log;
  uint64_t seq = 1;
  int64_t second = 1000;
  while (bytes > 0) {
    std::string data;
    const size_t size = std::min<size_t>(bytes, 1 + random() % 20'000);
    while (data.size() < size) {
      std::string line = absl::StrCat(seq, " ", random(), "-");
      line.resize(std::min(line.size() + random() % max_line, size - data.size()), 'x');
      if (random() % 4 != 0) line.back() = '\n';
      data += line;
    }
    log.push_back(Chunk(seq, data, random() % 3 == 0 ? kErr : kOut, second++));
    seq += log.back().entry_count();
    bytes -= data.size();
  }
  return log;
}

class LogLimitTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    store_.reset();
    store_ = MustOpen(dir_.path());
  }
  LogStore& store() { return *store_; }

  // In batches, a few on their way at a time.
  void AppendAll(const std::vector<v1::LogChunk>& log, size_t batch = 7, size_t ahead = 4) {
    std::deque<std::future<Appended>> results;
    for (size_t at = 0; at < log.size(); at += batch) {
      std::vector<v1::LogChunk> chunks(
          log.begin() + static_cast<int64_t>(at),
          log.begin() + static_cast<int64_t>(std::min(at + batch, log.size())));
      results.push_back(AppendAsync(store(), Key(), std::move(chunks), kLimit));
      if (results.size() < ahead) continue;
      const auto result = results.front().get();
      results.pop_front();
      ASSERT_TRUE(result.ok() && !result->rewind) << result.status();
    }
    for (auto& result : results) ASSERT_TRUE(result.get().ok());
  }

  // Checks that what is stored is the log with one hole: head and tail byte for byte, the cut's
  // numbers exact, and no more kept than the limit.
  void ExpectHeadCutTail(const std::vector<v1::LogChunk>& log) {
    const std::vector<Entry> written = Entries(log);
    uint64_t written_bytes = 0;
    for (const Entry& entry : written) written_bytes += entry.data.size();
    uint64_t head_bytes = 0;
    uint64_t tail_bytes = 0;
    uint64_t next = 1;
    std::optional<v1::LogCut> cut;
    for (const v1::LogChunk& chunk : ReadAll(store(), Key())) {
      ASSERT_EQ(chunk.first_seq(), next);
      if (chunk.has_cut()) {
        ASSERT_FALSE(cut.has_value()) << "one hole";
        EXPECT_TRUE(chunk.data().empty());
        cut = chunk.cut();
        EXPECT_EQ(cut->first_seq(), next);
        next = cut->last_seq() + 1;
        continue;
      }
      for (const Entry& entry : Entries({chunk})) {
        ASSERT_EQ(entry, written[next - 1]);
        ++next;
        (cut.has_value() ? tail_bytes : head_bytes) += entry.data.size();
      }
    }
    EXPECT_EQ(next, written.size() + 1);
    ASSERT_TRUE(cut.has_value());
    EXPECT_EQ(cut->bytes(), written_bytes - head_bytes - tail_bytes);
    constexpr uint64_t kHalf = kLimit / 2;
    EXPECT_LE(head_bytes, kHalf);
    EXPECT_GT(head_bytes, kHalf - kMaxLogEntryBytes);
    EXPECT_LE(tail_bytes, kHalf);
    EXPECT_GT(tail_bytes, kHalf - kLimit / 8 - 4 * kMaxLogEntryBytes);

    const auto state = store().Summary(Key());
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_TRUE(state->summary.truncated());
    EXPECT_EQ(state->summary.bytes(), written_bytes);
    EXPECT_EQ(state->summary.last_seq(), written.size());
  }

  TempDir dir_;
  std::unique_ptr<LogStore> store_;
};

TEST_F(LogLimitTest, ALogUpToItsLimitIsKeptWhole) {
  const auto log = MakeLog(kLimit * 13 / 16);
  AppendAll(log);
  for (const bool reopened : {false, true}) {
    if (reopened) Open();
    EXPECT_EQ(Entries(ReadAll(store(), Key())), Entries(log));
    EXPECT_FALSE(store().Summary(Key())->summary.truncated());
  }
}

TEST_F(LogLimitTest, ALargerOneKeepsHeadAndTailAndSaysWhatIsMissing) {
  const auto log = MakeLog(5 * kLimit);
  AppendAll(log);
  ExpectHeadCutTail(log);
  Open();
  ExpectHeadCutTail(log);
}

TEST_F(LogLimitTest, EntriesOfTheLargestSizeFitToo) {
  const auto log = MakeLog(4 * kLimit, 2, 200'000);
  AppendAll(log, 3);
  ExpectHeadCutTail(log);
}

TEST_F(LogLimitTest, OneBatchManyTimesTheLimitIsCutTheSame) {
  const auto log = MakeLog(6 * kLimit, 3);
  AppendAll(log, log.size());
  ExpectHeadCutTail(log);
}

TEST_F(LogLimitTest, ALogGoesOnWhereItWasAfterReopeningAtAnyStage) {
  const auto log = MakeLog(3 * kLimit, 4);
  const size_t stages = 12;
  for (size_t stage = 0; stage < stages; ++stage) {
    const size_t from = log.size() * stage / stages;
    const size_t to = log.size() * (stage + 1) / stages;
    // Overlaps with what was sent before the restart.
    const size_t overlap = std::min<size_t>(from, 5);
    AppendAll({log.begin() + static_cast<int64_t>(from - overlap),
               log.begin() + static_cast<int64_t>(to)});
    Open();
  }
  ExpectHeadCutTail(log);
}

TEST_F(LogLimitTest, TheDiskHoldsNoMoreThanTheLimit) {
  AppendAll(MakeLog(8 * kLimit, 5));
  uint64_t bytes = 0;
  size_t segments = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(dir_.path())) {
    if (!file.is_regular_file()) continue;
    bytes += file.file_size();
    segments += file.path().parent_path().filename() == Key().execution_id ? 1 : 0;
  }
  EXPECT_EQ(segments, 4u);
  EXPECT_LT(bytes, static_cast<uint64_t>(kLimit)) << "it is compressed, too";
}

TEST_F(LogLimitTest, PagesBeginAnywhereInHeadHoleAndTail) {
  const auto log = MakeLog(3 * kLimit, 6);
  AppendAll(log);
  const std::vector<Entry> written = Entries(log);
  v1::LogCut cut;
  for (const auto& chunk : ReadAll(store(), Key())) {
    if (chunk.has_cut()) cut = chunk.cut();
  }
  for (const uint64_t after :
       {cut.first_seq() - 2, cut.first_seq() - 1, cut.first_seq(), cut.last_seq() - 1,
        cut.last_seq(), cut.last_seq() + 1, static_cast<uint64_t>(written.size() - 1)}) {
    std::vector<v1::LogChunk> chunks = ReadAll(store(), Key(), after, 1000);
    std::vector<Entry> entries = Entries(chunks);
    ASSERT_FALSE(entries.empty());
    EXPECT_EQ(entries.back(), written.back());
    // A reader inside the hole is told what it missed of it, but nobody knows its size.
    if (after >= cut.first_seq() && after < cut.last_seq()) {
      ASSERT_TRUE(chunks[0].has_cut());
      EXPECT_EQ(chunks[0].cut().first_seq(), after + 1);
      EXPECT_EQ(chunks[0].cut().last_seq(), cut.last_seq());
      EXPECT_EQ(chunks[0].cut().bytes(), 0u);
    }
  }
  const uint64_t kept_tail = written.size() - cut.last_seq();
  EXPECT_EQ(*store().ReadTail(Key(), kept_tail), cut.last_seq());
  EXPECT_EQ(*store().ReadTail(Key(), kept_tail - 1), cut.last_seq() + 1);
  EXPECT_EQ(*store().ReadTail(Key(), kept_tail + 1), cut.first_seq() - 1) << "all of the cut";
  EXPECT_EQ(*store().ReadTail(Key(), written.size() - 1), 1u);
}

TEST_F(LogLimitTest, TimeLeadsThroughHeadHoleAndTail) {
  const auto log = MakeLog(3 * kLimit, 7);
  AppendAll(log);
  v1::LogCut cut;
  for (const auto& chunk : ReadAll(store(), Key())) {
    if (chunk.has_cut()) cut = chunk.cut();
  }
  for (const v1::LogChunk& chunk : log) {
    const uint64_t after = *store().SeekTime(Key(), absl::FromUnixSeconds(chunk.time().seconds()));
    const uint64_t last = chunk.first_seq() + chunk.entry_count() - 1;
    if (last < cut.first_seq() || chunk.first_seq() > cut.last_seq()) {
      ASSERT_EQ(after, chunk.first_seq() - 1);
    } else if (chunk.first_seq() >= cut.first_seq() && last <= cut.last_seq()) {
      ASSERT_EQ(after, cut.first_seq() - 1) << "the hole is shown from its beginning";
    }
  }
}

TEST_F(LogLimitTest, AFollowerThatKeepsUpSeesEverythingAndASlowOneSeesTheCut) {
  const auto log = MakeLog(4 * kLimit, 8);
  std::vector<v1::LogChunk> live;
  uint64_t after = 0;
  std::vector<v1::LogChunk> slow;
  uint64_t slow_after = 0;
  for (size_t i = 0; i < log.size(); ++i) {
    ASSERT_TRUE(Append(store(), Key(), {log[i]}, kLimit).ok());
    for (bool at_end = false; !at_end;) {
      auto page = store().Read(Key(), after, 10'000);
      ASSERT_TRUE(page.ok()) << page.status();
      after = page->next_after_seq;
      at_end = page->at_end;
      for (auto& chunk : page->chunks) live.push_back(std::move(chunk));
    }
    if (i % 100 == 0) {
      const auto page = store().Read(Key(), slow_after, 5'000);
      slow_after = page->next_after_seq;
      slow.insert(slow.end(), page->chunks.begin(), page->chunks.end());
    }
  }
  EXPECT_EQ(Entries(live), Entries(log));
  for (const auto& chunk : ReadAll(store(), Key(), slow_after)) slow.push_back(chunk);
  int cuts = 0;
  for (const auto& chunk : slow) cuts += chunk.has_cut() ? 1 : 0;
  EXPECT_EQ(cuts, 1);
}

TEST_F(LogLimitTest, ALimitBelowTheLeastCountsAsThat) {
  const auto log = MakeLog(2 * LogStore::kMinLimitBytes, 9);
  for (const v1::LogChunk& chunk : log) ASSERT_TRUE(Append(store(), Key(), {chunk}, 1).ok());
  uint64_t kept = 0;
  for (const auto& chunk : ReadAll(store(), Key())) kept += chunk.data().size();
  EXPECT_LE(kept, static_cast<uint64_t>(LogStore::kMinLimitBytes));
  EXPECT_GT(kept, static_cast<uint64_t>(LogStore::kMinLimitBytes) * 3 / 4);
}

}  // namespace
}  // namespace cronium::controller
