// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_LOGS_PARTITION_FILES_H_
#define CRONIUM_CONTROLLER_LOGS_PARTITION_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/logs/log_store.h"

// Partitions as folders: where they are, which there are, and how one goes.
namespace cronium::controller::logs {

// <dir>/<namespace>/<YYYYMMDDTHH>
std::string PartitionPath(absl::string_view dir, absl::string_view name_space, absl::Time time);

// All under dir, by namespace and hour. Also deletes what a removal that was cut off left behind.
absl::StatusOr<std::vector<LogPartition>> ListPartitions(const std::string& dir);

// Renames the partition at path to a name that no listing shows, durably; the new path, or nothing
// where there is none at path.
absl::StatusOr<std::string> MoveAway(const std::string& path);

// Deletes what MoveAway returned. Takes as long as the disk needs to free it.
absl::Status DeleteRemoved(const std::string& path);

}  // namespace cronium::controller::logs

#endif  // CRONIUM_CONTROLLER_LOGS_PARTITION_FILES_H_
