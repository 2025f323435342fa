// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_RUN_COMMAND_H_
#define CRONIUM_TOOLS_CRONIUM_RUN_COMMAND_H_

#include "tools/cronium/command.h"

namespace CLI {
class App;
}

namespace cronium::cli {

// `cronium run SCRIPT [ARGS...]`. Returns the command, whose words follow its options
// (CommandContext::words).
CLI::App* AddRunCommand(CLI::App* app, Command* chosen);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_RUN_COMMAND_H_
