// SPDX-License-Identifier: Apache-2.0
#include "common/log_entries.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace cronium {
namespace {

TEST(LogEntriesTest, AnEntryEndsWithItsNewline) {
  EXPECT_EQ(FirstLogEntryLength("one\ntwo\n"), 4u);
  EXPECT_EQ(FirstLogEntryLength("\n"), 1u);
  EXPECT_EQ(FirstLogEntryLength("\n\n"), 1u);
}

TEST(LogEntriesTest, ARestWithoutANewlineIsAnEntry) {
  EXPECT_EQ(FirstLogEntryLength("rest"), 4u);
  EXPECT_EQ(CountLogEntries("one\nrest"), 2u);
}

TEST(LogEntriesTest, NothingHoldsNoEntry) {
  EXPECT_EQ(FirstLogEntryLength(""), 0u);
  EXPECT_EQ(CountLogEntries(""), 0u);
  EXPECT_EQ(LogPrefixLength("", 3), 0u);
}

TEST(LogEntriesTest, ALongLineIsCutAtTheLimit) {
  const std::string line = std::string(2 * kMaxLogEntryBytes + 10, 'x') + "\n";
  EXPECT_EQ(FirstLogEntryLength(line), kMaxLogEntryBytes);
  EXPECT_EQ(CountLogEntries(line), 3u);
}

TEST(LogEntriesTest, ANewlineThatJustFitsBelongsToTheEntry) {
  const std::string fits = std::string(kMaxLogEntryBytes - 1, 'x') + "\nnext";
  EXPECT_EQ(FirstLogEntryLength(fits), kMaxLogEntryBytes);
  EXPECT_EQ(CountLogEntries(fits), 2u);
  // One byte more, and the newline is an entry of its own.
  const std::string over = std::string(kMaxLogEntryBytes, 'x') + "\n";
  EXPECT_EQ(FirstLogEntryLength(over), kMaxLogEntryBytes);
  EXPECT_EQ(CountLogEntries(over), 2u);
}

TEST(LogEntriesTest, BinaryBytesAreBytes) {
  EXPECT_EQ(FirstLogEntryLength(absl::string_view("\0\xFF\0\n\0", 5)), 4u);
}

TEST(LogEntriesTest, APrefixHasAsManyEntriesAsAskedForOrAllThereAre) {
  const std::string data = "a\nbb\n\nccc";
  EXPECT_EQ(LogPrefixLength(data, 0), 0u);
  EXPECT_EQ(LogPrefixLength(data, 1), 2u);
  EXPECT_EQ(LogPrefixLength(data, 3), 6u);
  EXPECT_EQ(LogPrefixLength(data, 4), data.size());
  EXPECT_EQ(LogPrefixLength(data, 99), data.size());
}

TEST(LogEntriesTest, WhereverDataIsCutAtAnEntryTheCountsAddUp) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string data;
    const int pieces = static_cast<int>(random() % 20);
    for (int i = 0; i < pieces; ++i) {
      data += std::string(random() % 3 == 0 ? random() % 200'000 : random() % 10, 'x');
      if (random() % 2 == 0) data += '\n';
    }
    const uint32_t count = CountLogEntries(data);
    const uint32_t part = count == 0 ? 0 : random() % (count + 1);
    const size_t length = LogPrefixLength(data, part);
    EXPECT_EQ(CountLogEntries(absl::string_view(data).substr(0, length)), part);
    EXPECT_EQ(CountLogEntries(absl::string_view(data).substr(length)), count - part);
  }
}

}  // namespace
}  // namespace cronium
