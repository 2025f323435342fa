// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/partition_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/log.h"

namespace cronium::controller::logs {
namespace {

constexpr char kHourFormat[] = "%Y%m%dT%H";
constexpr absl::string_view kRemovedPrefix = ".removed-";
constexpr int64_t kStatBlockBytes = 512;

using std::filesystem::directory_iterator;
using std::filesystem::recursive_directory_iterator;

// Calls use(name) for each entry of the folder, or less where it goes away meanwhile.
template <typename Use>
absl::Status ForEachIn(const std::string& dir, Use use) {
  std::error_code error;
  directory_iterator it(dir, error);
  for (; !error && it != directory_iterator(); it.increment(error)) {
    use(it->path().filename().string());
  }
  if (error && error != std::errc::no_such_file_or_directory &&
      error != std::errc::not_a_directory) {
    return ErrnoError(dir, "cannot list", error.value());
  }
  return absl::OkStatus();
}

// Of a partition's name; false for other names.
bool ParseHour(absl::string_view name, absl::Time* hour) {
  if (name.size() != 11) return false;
  // ParseTime's year takes as many digits as there are.
  const std::string parted =
      absl::StrCat(name.substr(0, 4), "-", name.substr(4, 2), "-", name.substr(6));
  return absl::ParseTime("%Y-%m-%dT%H", parted, hour, nullptr);
}

// Of all files in it. What goes away meanwhile does not count.
int64_t DiskBytes(const std::string& dir) {
  int64_t bytes = 0;
  std::error_code error;
  for (recursive_directory_iterator it(dir, error); !error && it != recursive_directory_iterator();
       it.increment(error)) {
    struct stat file {};
    if (lstat(it->path().c_str(), &file) == 0) bytes += file.st_blocks * kStatBlockBytes;
  }
  return bytes;
}

}  // namespace

std::string PartitionPath(absl::string_view dir, absl::string_view name_space, absl::Time time) {
  return absl::StrCat(dir, "/", name_space, "/",
                      absl::FormatTime(kHourFormat, time, absl::UTCTimeZone()));
}

absl::StatusOr<std::vector<LogPartition>> ListPartitions(const std::string& dir) {
  std::vector<LogPartition> partitions;
  std::vector<std::string> namespaces;
  absl::Status status =
      ForEachIn(dir, [&](std::string name) { namespaces.push_back(std::move(name)); });
  if (!status.ok()) return status;
  for (const std::string& name_space : namespaces) {
    const std::string folder = absl::StrCat(dir, "/", name_space);
    status = ForEachIn(folder, [&](const std::string& name) {
      const std::string path = absl::StrCat(folder, "/", name);
      if (absl::StartsWith(name, kRemovedPrefix)) {
        if (absl::Status gone = DeleteRemoved(path); !gone.ok()) {
          LogWarning("removed logs are still there", {{"error", gone}});
        }
        return;
      }
      absl::Time hour;
      if (!ParseHour(name, &hour)) return;
      partitions.push_back({name_space, hour, DiskBytes(path)});
    });
    if (!status.ok()) return status;
  }
  std::sort(partitions.begin(), partitions.end(), [](const auto& a, const auto& b) {
    return std::tie(a.name_space, a.hour) < std::tie(b.name_space, b.hour);
  });
  return partitions;
}

absl::StatusOr<std::string> MoveAway(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::string removed =
      absl::StrCat(folder.string(), "/", kRemovedPrefix, path.substr(path.rfind('/') + 1));
  if (rename(path.c_str(), removed.c_str()) != 0) {
    if (errno == ENOENT) return std::string();
    return ErrnoError(path, "cannot remove", errno);
  }
  if (absl::Status status = SyncDirectory(folder.string()); !status.ok()) return status;
  return removed;
}

absl::Status DeleteRemoved(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? ErrnoError(path, "cannot remove", error.value()) : absl::OkStatus();
}

}  // namespace cronium::controller::logs
