// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/gateway_process.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"

namespace cronium::bench {

absl::StatusOr<std::unique_ptr<GatewayProcess>> GatewayProcess::Start(
    const std::string& program, const std::string& parent_dir, const Target& target,
    const std::string& node, const std::vector<std::string>& flags) {
  absl::StatusOr<std::unique_ptr<TemporaryFolder>> folder = TemporaryFolder::Make(parent_dir);
  if (!folder.ok()) return folder.status();
  const absl::StatusOr<KeyAndCertificate> identity = target.IssueNode(node);
  if (!identity.ok()) return identity.status();
  const std::string& path = (*folder)->path();
  for (const auto& [name, content] : {std::pair{"/ca.crt", target.ca_certificate_pem()},
                                      std::pair{"/node.crt", identity->certificate_pem},
                                      std::pair{"/node.key", identity->key_pem}}) {
    absl::Status written = WriteFileAtomic(absl::StrCat(path, name), content, 0600);
    if (!written.ok()) return written;
  }
  std::vector<std::string> command = {program,
                                      "--controller",
                                      target.address(),
                                      "--ca",
                                      path + "/ca.crt",
                                      "--certificate",
                                      path + "/node.crt",
                                      "--key",
                                      path + "/node.key",
                                      "--socket-dir",
                                      path + "/api"};
  command.insert(command.end(), flags.begin(), flags.end());
  auto child = ChildProcess::Start(command, path + "/gateway.log");
  if (!child.ok()) return child.status();
  std::unique_ptr<GatewayProcess> process(new GatewayProcess());
  process->socket_ = path + "/api/runtime.sock";
  process->folder_ = *std::move(folder);
  process->child_ = *std::move(child);
  if (const auto line = process->child_->WaitForLine("started"); !line.ok()) return line.status();
  return process;
}

}  // namespace cronium::bench
