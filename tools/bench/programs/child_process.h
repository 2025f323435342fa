// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_CHILD_PROCESS_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cronium::bench {

// A new folder beneath parent, which goes with the object.
class TemporaryFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Make(const std::string& parent);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

// A child whose output goes to a file. Killed with the object where it still runs.
class ChildProcess {
 public:
  // command[0] is a path. log: appended to.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& command, std::string log);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Its end by itself. An error, with what it said, where it did not end with 0.
  absl::Status Wait();
  // SIGTERM, and its end.
  absl::Status Stop();

  // The last line of its log that has `text`; empty where none has.
  std::string FindInLog(const std::string& text) const;
  // Waits for such a line. An error, with what it said, where it ends before, or after 20 s.
  absl::StatusOr<std::string> WaitForLine(const std::string& text);

 private:
  ChildProcess(std::string name, std::string log, pid_t pid)
      : name_(std::move(name)), log_(std::move(log)), pid_(pid) {}
  absl::Status Said(const std::string& what) const;

  const std::string name_;
  const std::string log_;
  pid_t pid_;
};

// What follows NAME= in a line of a log; empty where it is absent.
std::string FieldOf(const std::string& line, const std::string& name);

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_CHILD_PROCESS_H_
