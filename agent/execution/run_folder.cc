// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/run_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/logs/log_capture.h"
#include "common/fault.h"
#include "common/file.h"

namespace cronium::agent {
namespace {

constexpr absl::string_view kKeep = "keep";
constexpr int64_t kMaxLeaseFileBytes = 64;

// An ES module finds packages beside itself and not by NODE_PATH; `python3 -E` passes PYTHONPATH
// over.
constexpr struct {
  const char* name;
  const char* target;
} kModuleLinks[] = {{"/cronium", "/opt/cronium/lib/python/cronium"},
                    {"/node_modules", "/opt/cronium/lib/node/node_modules"}};

// The mode is exact whatever the umask.
absl::Status MakeFolder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return ErrnoError(path, "cannot make the folder", errno);
  }
  if (chmod(path.c_str(), mode) != 0) return ErrnoError(path, "cannot set its mode", errno);
  return absl::OkStatus();
}

// A second name of the same file. Repeatable: the file may be another than last time.
absl::Status MakeSecondName(const std::string& file, const std::string& name) {
  if (unlink(name.c_str()) != 0 && errno != ENOENT) {
    return ErrnoError(name, "cannot remove the file", errno);
  }
  if (link(file.c_str(), name.c_str()) == 0) return absl::OkStatus();
  return ErrnoError(name, "cannot make the link", errno);
}

absl::Status MakeLink(const std::string& path, const char* target) {
  if (symlink(target, path.c_str()) == 0 || errno == EEXIST) return absl::OkStatus();
  return ErrnoError(path, "cannot make the link", errno);
}

}  // namespace

absl::StatusOr<RunFolders> RunFolders::Open(const std::string& root) {
  if (absl::Status status = MakeFolder(root, 0700); !status.ok()) return status;
  return RunFolders(root);
}

std::string RunFolders::PathOf(absl::string_view execution_id) const {
  return absl::StrCat(root_, "/", execution_id);
}

absl::Status RunFolders::Make(absl::string_view execution_id, absl::string_view script) const {
  const std::string path = PathOf(execution_id);
  absl::Status status = MakeFolder(path, 0755);
  if (status.ok()) status = MakeJobFifos(path);
  if (status.ok()) status = WriteFileAtomic(path + "/script", script, 0555);
  if (status.ok()) status = MakeSecondName(path + "/script", path + "/script.mjs");
  for (const auto& [name, target] : kModuleLinks) {
    if (status.ok()) status = MakeLink(path + name, target);
  }
  return status;
}

absl::Status RunFolders::WriteLease(absl::string_view execution_id, int64_t end_ns) const {
  const std::string text = end_ns == kLeaseForever ? std::string(kKeep) : absl::StrCat(end_ns);
  absl::Status status = WriteFileAtomic(PathOf(execution_id) + "/lease", text, 0444);
  if (status.ok()) FaultOn("agent.lease.written");
  return status;
}

std::optional<int64_t> RunFolders::ReadLease(absl::string_view execution_id) const {
  const absl::StatusOr<std::string> text =
      ReadFile(PathOf(execution_id) + "/lease", kMaxLeaseFileBytes);
  int64_t end_ns = 0;
  if (!text.ok()) return std::nullopt;
  if (*text == kKeep) return kLeaseForever;
  if (!absl::SimpleAtoi(*text, &end_ns)) return std::nullopt;
  return end_ns;
}

absl::Status RunFolders::Remove(absl::string_view execution_id) const {
  std::error_code error;
  const std::string path = PathOf(execution_id);
  std::filesystem::remove_all(path, error);
  return error ? ErrnoError(path, "cannot remove the folder", error.value()) : absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> RunFolders::List() const {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(root_, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return ErrnoError(root_, "cannot list the folder", error.value());
  return names;
}

}  // namespace cronium::agent
