// SPDX-License-Identifier: Apache-2.0
// Power cuts and damage: what was acknowledged is there, and what is there is a prefix.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"
#include "controller/logs/frame.h"
#include "controller/logs/frame_file.h"
#include "controller/logs/log_store.h"
#include "tests/controller/logs/log_test_support.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kPartition[] = "/default/20231114T22";
constexpr int64_t kLeastLimit = LogStore::kMinLimitBytes;

LogKey Other() { return Key("exec_000000000002"); }

// A folder of logs, as it was when its store was closed, to be copied and damaged.
class Original {
 public:
  explicit Original(const std::function<void(LogStore&)>& fill) {
    auto store = MustOpen(dir_.path());
    fill(*store);
  }
  std::string frames() const { return dir_.path() + kPartition + "/frames"; }
  const std::string& path() const { return dir_.path(); }

 private:
  TempDir dir_ = TempDir::InMemory();
};

class Copy {
 public:
  explicit Copy(const Original& original) {
    fs::copy(original.path(), dir_.path(), fs::copy_options::recursive);
  }
  const std::string& path() const { return dir_.path(); }
  std::string partition() const { return dir_.path() + kPartition; }
  std::string frames() const { return partition() + "/frames"; }
  std::string index() const { return partition() + "/index.db"; }

 private:
  TempDir dir_ = TempDir::InMemory();
};

void Overwrite(const std::string& path, uint64_t offset, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file << bytes;
}

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<Entry> Lines(uint64_t last) {
  std::vector<Entry> entries;
  for (uint64_t seq = 1; seq <= last; ++seq) {
    entries.push_back({seq, kOut, absl::StrCat("line ", seq, "\n")});
  }
  return entries;
}

TEST(LogRecoveryTest, CutAtEveryByteOfItsLastFramesAFileHasAWholePrefixAndGoesOn) {
  // Six frames, alternately of two executions.
  const Original original([](LogStore& store) {
    for (uint64_t seq = 1; seq <= 3; ++seq) {
      for (const LogKey& key : {Key(), Other()}) {
        ASSERT_TRUE(Append(store, key, {Chunk(seq, absl::StrCat("line ", seq, "\n"))}).ok());
      }
    }
  });
  const uint64_t size = fs::file_size(original.frames());
  uint64_t last = 3;
  uint64_t other_last = 3;
  for (uint64_t cut = 0; cut <= size; ++cut) {
    const Copy copy(original);
    fs::resize_file(copy.frames(), size - cut);
    auto store = MustOpen(copy.path());
    const auto entries = Entries(ReadAll(*store, Key()));
    const auto other = Entries(ReadAll(*store, Other()));
    ASSERT_LE(entries.size(), last) << cut;
    ASSERT_LE(other.size(), other_last) << cut;
    last = entries.size();
    other_last = other.size();
    ASSERT_EQ(entries, Lines(last));
    ASSERT_EQ(other, Lines(other_last));
    if (cut % 16 != 0) continue;
    const auto result =
        Append(*store, Key(), {Chunk(last + 1, absl::StrCat("line ", last + 1, "\n"))});
    ASSERT_EQ(result->durable_seq, last + 1) << result.status();
    store = nullptr;
    store = MustOpen(copy.path());
    ASSERT_EQ(Entries(ReadAll(*store, Key())), Lines(last + 1));
  }
  EXPECT_EQ(last, 0u);
}

TEST(LogRecoveryTest, GarbageBehindTheLastFrameIsATornTail) {
  const Original original([](LogStore& store) {
    ASSERT_TRUE(Append(store, Key(), {Chunk(1, "line 1\nline 2\n")}).ok());
  });
  std::mt19937 random(1);
  for (const size_t size : {1, 127, 128, 5000}) {
    for (const bool zeros : {true, false}) {
      const Copy copy(original);
      std::string garbage(size, '\0');
      for (char& c : garbage) c = zeros ? '\0' : static_cast<char>(random());
      std::ofstream(copy.frames(), std::ios::app | std::ios::binary) << garbage;
      auto store = MustOpen(copy.path());
      EXPECT_EQ(Entries(ReadAll(*store, Key())), Lines(2));
      EXPECT_EQ(Append(*store, Key(), {Chunk(3, "line 3\n")})->durable_seq, 3u);
      store = nullptr;
      store = MustOpen(copy.path());
      EXPECT_EQ(Entries(ReadAll(*store, Key())), Lines(3));
    }
  }
}

// A log with a hole, so that frames, head, tail and segments are all there.
std::vector<v1::LogChunk> LongLog(size_t bytes) {
  std::mt19937 random(5);
  std::vector<v1::LogChunk> log;
  uint64_t seq = 1;
  for (size_t sum = 0; sum < bytes; sum += log.back().data().size()) {
    std::string data;
    while (data.size() < 9000) absl::StrAppend(&data, random(), " ", random(), "\n");
    log.push_back(Chunk(seq, data));
    seq += log.back().entry_count();
  }
  return log;
}

TEST(LogRecoveryTest, ALostOrDamagedIndexIsMadeAnewFromTheFrames) {
  const auto log = LongLog(3 * kLeastLimit);
  std::vector<v1::LogChunk> before;
  const Original original([&](LogStore& store) {
    ASSERT_TRUE(Append(store, Key(), log, kLeastLimit).ok());
    ASSERT_TRUE(Append(store, Other(), {Chunk(1, "line 1\n")}).ok());
    store.Finish(Other(), true);
    ASSERT_TRUE(Append(store, Other(), {}).ok());
    before = ReadAll(store, Key());
  });
  const std::string index = Slurp(original.path() + kPartition + "/index.db");
  ASSERT_FALSE(index.empty());
  std::mt19937 random(2);
  const auto check = [&](const Copy& copy) {
    auto store = MustOpen(copy.path());
    EXPECT_EQ(Entries(ReadAll(*store, Other())), Lines(1));
    EXPECT_TRUE(store->Summary(Other())->summary.uncertain());
    EXPECT_TRUE(store->Summary(Key())->summary.truncated());
    EXPECT_EQ(Entries(ReadAll(*store, Key())), Entries(before));
    EXPECT_EQ(Append(*store, Other(), {Chunk(2, "line 2\n")})->durable_seq, 2u);
    store = nullptr;
    store = MustOpen(copy.path());
    EXPECT_EQ(Entries(ReadAll(*store, Other())), Lines(2));
  };
  {
    const Copy copy(original);
    fs::remove(copy.index());
    check(copy);
  }
  for (const size_t size : {0, 1, 100, 4096, 5000}) {
    const Copy copy(original);
    fs::resize_file(copy.index(), size);
    check(copy);
  }
  for (int i = 0; i < 60; ++i) {
    const Copy copy(original);
    // From one flipped byte to a page of noise, anywhere.
    std::string noise(i % 3 == 0 ? 4096 : 1 + i % 7, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    Overwrite(copy.index(), random() % index.size(), noise);
    check(copy);
  }
}

TEST(LogRecoveryTest, AnIndexOfAnotherFileOfFramesIsNotTrusted) {
  const Original original(
      [](LogStore& store) { ASSERT_TRUE(Append(store, Key(), {Chunk(1, "line 1\n")}).ok()); });
  const Original foreign([](LogStore& store) {
    ASSERT_TRUE(Append(store, Other(), {Chunk(1, "line 1\n")}).ok());
    ASSERT_TRUE(Append(store, Key(), {Chunk(1, "some\nother\nlog\n")}).ok());
  });
  const Copy copy(original);
  fs::copy_file(foreign.path() + kPartition + "/index.db", copy.index(),
                fs::copy_options::overwrite_existing);
  auto store = MustOpen(copy.path());
  EXPECT_EQ(Entries(ReadAll(*store, Key())), Lines(1));
  EXPECT_THAT(ReadAll(*store, Other()), IsEmpty());
}

// Offsets of the frames in a file.
std::vector<uint64_t> FrameOffsets(const std::string& path) {
  std::vector<uint64_t> offsets;
  auto file = logs::FrameFile::Open(path, logs::FrameFile::Mode::kRead);
  EXPECT_TRUE(file.ok()) << file.status();
  const auto scan =
      logs::ScanFrames(**file, logs::kFileHeaderBytes, ~uint64_t{0}, logs::Payloads::kCheck,
                       [&](const logs::FrameHeader&, uint64_t offset) {
                         offsets.push_back(offset);
                         return absl::OkStatus();
                       });
  EXPECT_TRUE(scan.ok()) << scan.status();
  return offsets;
}

TEST(LogRecoveryTest, DamageInTheMiddleCostsOnlyWhatLiesThereAndIsSaid) {
  const Original original([](LogStore& store) {
    ASSERT_TRUE(Append(store, Key(), {Chunk(1, "line 1\n")}).ok());
    ASSERT_TRUE(Append(store, Other(), {Chunk(1, "line 1\n")}).ok());
    ASSERT_TRUE(Append(store, Key(), {Chunk(2, "line 2\n")}).ok());
    ASSERT_TRUE(Append(store, Key(), {Chunk(3, "line 3\n")}).ok());
  });
  const auto offsets = FrameOffsets(original.frames());
  ASSERT_THAT(offsets, SizeIs(4));
  for (const bool without_index : {false, true}) {
    for (const uint64_t at : {offsets[2] + 5, offsets[2] + logs::kFrameHeaderBytes + 15}) {
      const Copy copy(original);
      Overwrite(copy.frames(), at, "\x99\x98");
      if (without_index) fs::remove(copy.index());
      auto store = MustOpen(copy.path());
      EXPECT_EQ(Entries(ReadAll(*store, Other())), Lines(1));
      EXPECT_EQ(store->Summary(Key())->durable_seq, 3u);
      EXPECT_EQ(store->Read(Key(), 0, 1 << 20).status().code(), absl::StatusCode::kDataLoss);
      const auto rest = store->Read(Key(), 2, 1 << 20);
      ASSERT_TRUE(rest.ok()) << rest.status();
      EXPECT_EQ(Entries(rest->chunks), (std::vector<Entry>{{3, kOut, "line 3\n"}}));
      EXPECT_EQ(Append(*store, Key(), {Chunk(4, "line 4\n")})->durable_seq, 4u);
    }
  }
}

TEST(LogRecoveryTest, AFileWhoseHeaderIsDamagedIsLeftAlone) {
  const Original original(
      [](LogStore& store) { ASSERT_TRUE(Append(store, Key(), {Chunk(1, "line 1\n")}).ok()); });
  const Copy copy(original);
  Overwrite(copy.frames(), 10, "??");
  const std::string damaged = Slurp(copy.frames());
  auto store = MustOpen(copy.path());
  EXPECT_EQ(store->Summary(Key()).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Slurp(copy.frames()), damaged);
}

TEST(LogRecoveryTest, ATornTailThatLooksLikeAFrameIsNone) {
  // A job may write whatever it likes, such as frames, and it may come to lie in the file as it is.
  std::string forged;
  logs::FrameHeader header{.execution_id = Other().execution_id,
                           .first_seq = 1,
                           .last_seq = 1,
                           .synced_offset = uint64_t{1} << 40};
  std::string payload;
  logs::AppendChunk(Chunk(1, "forged\n"), &payload);
  logs::FrameEncoder().Encode(0, &header, payload, &forged);

  const Original original(
      [](LogStore& store) { ASSERT_TRUE(Append(store, Key(), {Chunk(1, "line 1\n")}).ok()); });
  const Copy copy(original);
  std::ofstream(copy.frames(), std::ios::app | std::ios::binary) << std::string(50, '?') << forged;
  auto store = MustOpen(copy.path());
  EXPECT_EQ(Entries(ReadAll(*store, Key())), Lines(1));
  EXPECT_THAT(ReadAll(*store, Other()), IsEmpty());
}

TEST(LogRecoveryTest, ATornSegmentIsCutAtItsLastWholeFrame) {
  const auto log = LongLog(2 * kLeastLimit);
  const std::vector<Entry> written = Entries(log);
  const Original original([&](LogStore& store) {
    for (const auto& chunk : log) ASSERT_TRUE(Append(store, Key(), {chunk}, kLeastLimit).ok());
  });
  std::vector<std::string> segments;
  const std::string folder = std::string(kPartition) + "/" + Key().execution_id;
  for (const auto& file : fs::directory_iterator(original.path() + folder)) {
    segments.push_back(file.path().filename().string());
  }
  std::sort(segments.begin(), segments.end());
  ASSERT_THAT(segments, SizeIs(4));
  const std::string newest = folder + "/" + segments.back();
  const uint64_t size = fs::file_size(original.path() + newest);
  uint64_t last = written.size();
  for (uint64_t cut = 0; cut <= size; cut += cut < 300 ? 1 : 97) {
    const Copy copy(original);
    fs::resize_file(copy.path() + newest, size - cut);
    auto store = MustOpen(copy.path());
    const auto state = store->Summary(Key());
    ASSERT_TRUE(state.ok()) << state.status();
    ASSERT_LE(state->durable_seq, last);
    last = state->durable_seq;
    ASSERT_GE(last + 1, std::stoull(segments.back()));
    if (cut % 10 != 0) continue;
    // The log goes on from there, and ends up the same.
    size_t next = 0;
    while (log[next].first_seq() + log[next].entry_count() - 1 <= last) {
      if (++next == log.size()) break;
    }
    ASSERT_TRUE(
        Append(*store, Key(), {log.begin() + static_cast<int64_t>(next), log.end()}, kLeastLimit)
            .ok());
    const auto chunks = ReadAll(*store, Key());
    uint64_t seq = 1;
    for (const auto& chunk : chunks) {
      ASSERT_EQ(chunk.first_seq(), seq);
      if (chunk.has_cut()) {
        seq = chunk.cut().last_seq() + 1;
        continue;
      }
      for (const Entry& entry : Entries({chunk})) {
        ASSERT_EQ(entry, written[seq - 1]);
        ++seq;
      }
    }
    ASSERT_EQ(seq, written.size() + 1);
  }
  EXPECT_EQ(last + 1, std::stoull(segments.back())) << "the segment was cut away whole";
}

TEST(LogRecoveryTest, AnEmptySegmentThatWasJustBegunIsForgotten) {
  const auto log = LongLog(2 * kLeastLimit);
  const Original original(
      [&](LogStore& store) { ASSERT_TRUE(Append(store, Key(), log, kLeastLimit).ok()); });
  const uint64_t last = Entries(log).size();
  for (const size_t size : {0, 10, 24}) {
    const Copy copy(original);
    std::ofstream(absl::StrCat(copy.partition(), "/", Key().execution_id, "/",
                               absl::Dec(last + 1, absl::kZeroPad20)))
        << std::string(size, '\0');
    auto store = MustOpen(copy.path());
    EXPECT_EQ(store->Summary(Key())->durable_seq, last);
    EXPECT_EQ(Append(*store, Key(), {Chunk(last + 1, "x\n")}, kLeastLimit)->durable_seq, last + 1);
    EXPECT_EQ(Entries(ReadAll(*store, Key(), last))[0].data, "x\n");
  }
}

}  // namespace
}  // namespace cronium::controller
