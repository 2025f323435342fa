// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_PROCESS_CERTIFICATES_H_
#define CRONIUM_CONTROLLER_PROCESS_CERTIFICATES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/pki/pki.h"
#include "controller/process/data_dir.h"

namespace cronium::controller {

// Writes the controller's own key and certificate, for these names and the loopback.
absl::Status IssueControllerCertificate(const DataDir& data, const KeyAndCertificate& ca,
                                        std::vector<std::string> hosts, absl::Time now);

// Writes ca.crt, node.crt and node.key for a node into out_dir, for agent and gateway alike.
absl::Status IssueNodeCertificate(const DataDir& data, const std::string& node,
                                  const std::string& out_dir, absl::Time now);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_PROCESS_CERTIFICATES_H_
