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
  const std::string log = absl::StrCat(process->folder_->path(), "/controller.log");
  if (!dev) {
    const auto init = ChildProcess::Start({program, "init", "--data-dir", process->data_dir_}, log);
    if (!init.ok()) return init.status();
    if (absl::Status ended = (*init)->Wait(); !ended.ok()) return ended;
  }
  std::vector<std::string> serve = {program,    "serve",       "--data-dir",  process->data_dir_,
                                    "--listen", "127.0.0.1:0", "--log-level", "info"};
  if (dev) serve.push_back("--dev");
  auto child = ChildProcess::Start(serve, log);
  if (!child.ok()) return child.status();
  process->child_ = *std::move(child);
  const absl::StatusOr<std::string> line = process->child_->WaitForLine("controller serves");
  if (!line.ok()) return line.status();
  process->address_ = absl::StrCat("127.0.0.1:", FieldOf(*line, "port"));
  return process;
}

}  // namespace cronium::bench
