// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_STATUS_READER_H_
#define CRONIUM_AGENT_LOGS_STATUS_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/logs/status_event.h"
#include "common/file.h"

namespace cronium::agent {

// Takes the lines of an execution's status FIFO into a file of the spool, as the output is taken,
// so that a restarted agent knows what was said before it was killed. Keeps the first 64 KiB: init
// writes far less, and what else comes is of the job's making. It is read all the same, since init
// waits until it has been. Not thread-safe.
class StatusReader {
 public:
  static constexpr uint64_t kMaxBytes = 64 * 1024;
  // Read and dropped at one time, at most: a job that writes without end must not keep the thread.
  static constexpr uint64_t kMaxDroppedBytes = 256 * 1024;

  // Opens or makes the file. What it has already is what the first Take returns.
  static absl::StatusOr<StatusReader> Open(const std::string& path);

  // Takes what the FIFO (nothing where fd is -1) holds now, up to the bounds above; returns the
  // events of lines that are whole. Other lines are left out.
  absl::StatusOr<std::vector<StatusEvent>> Take(int fifo_fd);

 private:
  StatusReader(std::string path, UniqueFd file, uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}
  absl::Status TakeBytes(int fifo_fd);
  absl::Status DropBytes(int fifo_fd);

  std::string path_;
  UniqueFd file_;
  uint64_t size_;
  // End of the last line that was returned.
  uint64_t parsed_ = 0;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_STATUS_READER_H_
