// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_LOGS_COMMAND_H_
#define CRONIUM_TOOLS_CRONIUM_LOGS_COMMAND_H_

#include "tools/cronium/command.h"

namespace CLI {
class App;
}

namespace cronium::cli {

// `cronium logs [-f] JOB`.
void AddLogsCommand(CLI::App* app, Command* chosen);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_LOGS_COMMAND_H_
