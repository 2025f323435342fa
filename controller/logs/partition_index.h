// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_PARTITION_INDEX_H_
#define CRONIUM_CONTROLLER_LOGS_PARTITION_INDEX_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/store/sqlite/connection.h"

namespace cronium::controller::logs {

// The side file of a partition: for each execution a record that leads to its frames, so that
// opening a partition need not read all of it. It may lag behind the frames, be lost, or be
// damaged: what it covers says where reading the frames must begin, and whatever is wrong with it,
// it is made anew from the frames.
//
// A SQLite file, because a partition may have millions of executions, most of which are never asked
// for again. SQLite does not notice a flipped byte, and an execution that is not found would be
// taken for a new one; so the records are in buckets, each with a sum over its records, which is
// checked when the bucket is first used. Used under the partition's lock.
class PartitionIndex {
 public:
  // Up to where in the file of frames the index knows everything, and the last frame before that,
  // by its header's hash.
  struct Covered {
    uint64_t end = 0;
    uint64_t last_frame = 0;
    uint64_t last_hash = 0;
  };

  // NOT_FOUND where there is none and `create` is not set.
  static absl::StatusOr<std::unique_ptr<PartitionIndex>> Open(const std::string& path, bool create);

  // Removes the files of a closed index.
  static void Remove(const std::string& path);

  const Covered& covered() const { return covered_; }

  // DATA_LOSS where the index is damaged there.
  absl::StatusOr<std::optional<std::string>> Find(absl::string_view execution_id);

  // Replaces the records of these executions, and what is covered, together. DATA_LOSS where the
  // index is damaged there.
  absl::Status Write(const std::vector<std::pair<std::string, std::string>>& records,
                     const Covered& covered);

 private:
  static constexpr int kBuckets = 256;
  using Sums = std::array<std::optional<uint64_t>, kBuckets>;

  PartitionIndex(const std::string& path, int flags) : connection_(path, flags) {}

  absl::Status SetUp();
  // Checks the bucket, where that was not done yet.
  absl::Status Check(int bucket);

  sqlite::Connection connection_;
  Covered covered_;
  // Of the buckets that are checked.
  Sums sums_;
};

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_PARTITION_INDEX_H_
