// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_CONTROLLER_LOGS_LOG_TEST_SUPPORT_H_
#define CRONIUM_TESTS_CONTROLLER_LOGS_LOG_TEST_SUPPORT_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/log_entries.h"
#include "controller/logs/log_store.h"

namespace cronium::controller {

inline constexpr int64_t kNoLimit = int64_t{1} << 40;

inline constexpr auto kOut = v1::LOG_STREAM_STDOUT;
inline constexpr auto kErr = v1::LOG_STREAM_STDERR;

// 2023-11-14T22:13:20Z: partition 20231114T22.
inline const absl::Time kAssignTime = absl::FromUnixSeconds(1'700'000'000);

inline LogKey Key(const std::string& id = "exec_000000000001",
                  const std::string& name_space = "default") {
  return {.name_space = name_space, .execution_id = id, .assign_time = kAssignTime};
}

inline v1::LogChunk Chunk(uint64_t first_seq, const std::string& data,
                          v1::LogStream stream = v1::LOG_STREAM_STDOUT, int64_t second = 100) {
  v1::LogChunk chunk;
  chunk.set_stream(stream);
  chunk.set_first_seq(first_seq);
  chunk.set_entry_count(CountLogEntries(data));
  chunk.mutable_time()->set_seconds(second);
  chunk.mutable_time()->set_nanos(static_cast<int>(first_seq % 1000));
  chunk.set_data(data);
  return chunk;
}

using Appended = absl::StatusOr<AppendResult>;

inline std::future<Appended> AppendAsync(LogStore& store, const LogKey& key,
                                         std::vector<v1::LogChunk> chunks,
                                         int64_t limit = kNoLimit) {
  auto promise = std::make_shared<std::promise<Appended>>();
  auto future = promise->get_future();
  // Whether the queue is full is for sources that could go on without an answer.
  (void)store.Append(key, limit, std::move(chunks),
                     [promise](Appended result) { promise->set_value(std::move(result)); });
  return future;
}

inline Appended Append(LogStore& store, const LogKey& key, std::vector<v1::LogChunk> chunks,
                       int64_t limit = kNoLimit) {
  return AppendAsync(store, key, std::move(chunks), limit).get();
}

// One entry as a reader sees it.
struct Entry {
  uint64_t seq = 0;
  v1::LogStream stream = v1::LOG_STREAM_UNSPECIFIED;
  std::string data;
  bool operator==(const Entry& other) const {
    return seq == other.seq && stream == other.stream && data == other.data;
  }
};

inline void PrintTo(const Entry& entry, std::ostream* out) {
  *out << entry.seq << "/" << entry.stream << ":" << testing::PrintToString(entry.data);
}

inline std::vector<Entry> Entries(const std::vector<v1::LogChunk>& chunks) {
  std::vector<Entry> entries;
  for (const v1::LogChunk& chunk : chunks) {
    absl::string_view data = chunk.data();
    uint64_t seq = chunk.first_seq();
    while (!data.empty()) {
      const size_t size = FirstLogEntryLength(data);
      entries.push_back({seq++, chunk.stream(), std::string(data.substr(0, size))});
      data.remove_prefix(size);
    }
    EXPECT_EQ(seq - chunk.first_seq(), chunk.entry_count());
  }
  return entries;
}

// Pages through the log. What comes back is checked to join without gap or repeat.
inline std::vector<v1::LogChunk> ReadAll(LogStore& store, const LogKey& key, uint64_t after_seq = 0,
                                         int64_t page_bytes = 64 << 10) {
  std::vector<v1::LogChunk> all;
  while (true) {
    auto page = store.Read(key, after_seq, page_bytes);
    if (!page.ok()) {
      ADD_FAILURE() << page.status();
      return all;
    }
    for (v1::LogChunk& chunk : page->chunks) {
      EXPECT_EQ(chunk.first_seq(), after_seq + 1);
      after_seq =
          chunk.has_cut() ? chunk.cut().last_seq() : chunk.first_seq() + chunk.entry_count() - 1;
      all.push_back(std::move(chunk));
    }
    EXPECT_EQ(page->next_after_seq, after_seq);
    if (page->at_end) return all;
    if (page->chunks.empty()) {
      ADD_FAILURE() << "a page without chunks that is not the end, after " << after_seq;
      return all;
    }
  }
}

inline std::unique_ptr<LogStore> MustOpen(const std::string& dir, LogStoreOptions options = {}) {
  options.dir = dir;
  auto store = LogStore::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

}  // namespace cronium::controller

#endif  // CRONIUM_TESTS_CONTROLLER_LOGS_LOG_TEST_SUPPORT_H_
