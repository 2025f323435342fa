// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_CLI_H_
#define CRONIUM_TOOLS_CRONIUM_CLI_H_

#include <string>
#include <vector>

#include "tools/cronium/command.h"

namespace cronium::cli {

// Parses the command line (without the program's name), runs the command, and returns the status to
// exit with.
int RunCli(const std::vector<std::string>& args, const Process& process);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_CLI_H_
