// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_PARTITION_INDEX_H_
#define CRONIUM_CONTROLLER_LOGS_PARTITION_INDEX_H_

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
// damaged: what it covers says where reading the frames must begin, each record carries a check of
// its own, and whatever is wrong with it, it is made anew from the frames.
//
// A SQLite file, because a partition may have millions of executions, most of which are never asked
// for again. Used under the partition's lock.
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

  absl::StatusOr<std::optional<std::string>> Find(absl::string_view execution_id);

  // Replaces the records of these executions, and what is covered, together.
  absl::Status Write(const std::vector<std::pair<std::string, std::string>>& records,
                     const Covered& covered);

 private:
  explicit PartitionIndex(const std::string& path, int flags) : connection_(path, flags) {}

  sqlite::Connection connection_;
  Covered covered_;
};

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_PARTITION_INDEX_H_
