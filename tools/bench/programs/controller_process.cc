// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/controller_process.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace cronium::bench {

absl::StatusOr<std::unique_ptr<ControllerProcess>> ControllerProcess::Start(
    const std::string& program, const std::string& parent_dir, bool dev) {
  std::unique_ptr<ControllerProcess> process(new ControllerProcess());
  absl::StatusOr<std::unique_ptr<TemporaryFolder>> folder = TemporaryFolder::Make(parent_dir);
  if (!folder.ok()) return folder.status();
  process->folder_ = *std::move(folder);
  process->data_dir_ = absl::StrCat(process->folder_->path(), "/data");
  process->program_ = program;
  process->dev_ = dev;
  if (!dev) {
    const auto init = ChildProcess::Start({program, "init", "--data-dir", process->data_dir_},
                                          absl::StrCat(process->folder_->path(), "/init.log"));
    if (!init.ok()) return init.status();
    if (absl::Status ended = (*init)->Wait(); !ended.ok()) return ended;
  }
  if (absl::Status status = process->Serve("127.0.0.1:0"); !status.ok()) return status;
  return process;
}

absl::Status ControllerProcess::StartAgain() { return Serve(address_); }

absl::Status ControllerProcess::Serve(const std::string& listen) {
  std::vector<std::string> serve = {program_,   "serve", "--data-dir",  data_dir_,
                                    "--listen", listen,  "--log-level", "info"};
  if (dev_) serve.push_back("--dev");
  // A log of its own, so that a line is not one of the process before.
  const std::string log = absl::StrCat(folder_->path(), "/controller-", ++starts_, ".log");
  auto child = ChildProcess::Start(serve, log);
  if (!child.ok()) return child.status();
  child_ = *std::move(child);
  const absl::StatusOr<std::string> line = child_->WaitForLine("controller serves");
  if (!line.ok()) return line.status();
  address_ = absl::StrCat("127.0.0.1:", FieldOf(*line, "port"));
  return absl::OkStatus();
}

}  // namespace cronium::bench
