// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_CONTROLLER_PROCESS_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_CONTROLLER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/bench/programs/child_process.h"

namespace cronium::bench {

// A cronium-controller of our own: a child process on a new data folder, on a free port of the
// loopback.
class ControllerProcess {
 public:
  // program: path of cronium-controller. parent_dir: where the data folder is made; it is removed
  // with the object.
  static absl::StatusOr<std::unique_ptr<ControllerProcess>> Start(const std::string& program,
                                                                  const std::string& parent_dir,
                                                                  bool dev);

  const std::string& address() const { return address_; }
  const std::string& data_dir() const { return data_dir_; }
  pid_t pid() const { return child_->pid(); }

  // SIGKILL, and its end.
  void Kill() { child_.reset(); }
  // After Kill: a new process with the same data, at the same address. Returns once it serves.
  absl::Status StartAgain();
  // SIGTERM, and its end. An error where it did not end with 0.
  absl::Status Stop() { return child_->Stop(); }
  // The last line of its log that has `text`; empty where none has.
  std::string FindInLog(const std::string& text) const { return child_->FindInLog(text); }

 private:
  ControllerProcess() = default;

  absl::Status Serve(const std::string& listen);

  std::string program_;
  bool dev_ = false;
  int starts_ = 0;
  std::unique_ptr<TemporaryFolder> folder_;
  std::string data_dir_;
  std::string address_;
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_CONTROLLER_PROCESS_H_
