// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_SPOOL_PROBE_H_
#define CRONIUM_AGENT_LOGS_SPOOL_PROBE_H_

#include <string>

#include "absl/status/status.h"

namespace cronium::agent {

// Whether the folder's file system can do what the spool needs: splice into a file, and punch a
// hole in it. FAILED_PRECONDITION where it cannot; another error where it has no room, for example.
absl::Status ProbeSpoolFolder(const std::string& folder);

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_SPOOL_PROBE_H_
