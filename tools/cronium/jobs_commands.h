// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_JOBS_COMMANDS_H_
#define CRONIUM_TOOLS_CRONIUM_JOBS_COMMANDS_H_

#include <string>

#include "absl/status/statusor.h"
#include "tools/cronium/command.h"

namespace CLI {
class App;
}

namespace cronium::cli {

// Flags of `jobs list` that become a filter.
struct JobFilterFlags {
  std::string state;
  std::string node;
  std::vector<std::string> labels;
};

// ListJobsRequest.filter.
absl::StatusOr<std::string> MakeJobFilter(const JobFilterFlags& flags);

// `cronium jobs list|get|cancel|result|wait`.
void AddJobsCommands(CLI::App* app, Command* chosen);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_JOBS_COMMANDS_H_
