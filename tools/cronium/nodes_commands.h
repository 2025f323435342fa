// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_NODES_COMMANDS_H_
#define CRONIUM_TOOLS_CRONIUM_NODES_COMMANDS_H_

#include "tools/cronium/command.h"

namespace CLI {
class App;
}

namespace cronium::cli {

// `cronium nodes list|get`.
void AddNodesCommands(CLI::App* app, Command* chosen);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_NODES_COMMANDS_H_
