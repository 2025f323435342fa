// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_SHUTDOWN_H_
#define CRONIUM_COMMON_SHUTDOWN_H_

namespace cronium {

// Blocks SIGTERM, SIGINT and SIGPIPE in the calling thread and all it starts later. Call it first
// in main, before any thread.
void BlockShutdownSignals();

// Waits for SIGTERM or SIGINT and returns which came. Main waits here while the other threads work.
// A second one while the process drains ends it at once, with status 130.
int WaitForShutdownSignal();

}  // namespace cronium

#endif  // CRONIUM_COMMON_SHUTDOWN_H_
