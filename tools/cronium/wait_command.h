// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_WAIT_COMMAND_H_
#define CRONIUM_TOOLS_CRONIUM_WAIT_COMMAND_H_

#include "tools/cronium/command.h"

namespace CLI {
class App;
}

namespace cronium::cli {

// `cronium jobs wait JOB...`: waits for the end of jobs, however often the connection breaks.
void AddWaitCommand(CLI::App* jobs, Command* chosen);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_WAIT_COMMAND_H_
