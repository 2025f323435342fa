// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_LOGS_JOB_FIFOS_H_
#define CRONIUM_AGENT_LOGS_JOB_FIFOS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file.h"

namespace cronium::agent {

// Opens a FIFO for reading, without waiting for a writer, and gives it a buffer of `bytes` or the
// most that the kernel allows.
absl::StatusOr<UniqueFd> OpenFifo(const std::string& path, int bytes);

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_LOGS_JOB_FIFOS_H_
