// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_FIFO_H_
#define CRONIUM_AGENT_INIT_FIFO_H_

#include <string>

#include "agent/init/unique_fd.h"

namespace cronium::agent::init {

// Opens a FIFO for reading and writing, so that it neither waits for a reader nor breaks when the
// reader dies: what was written stays in it for the reader's successor. `flags` may add O_NONBLOCK.
// An empty result is success; else it says what is wrong with the path.
std::string OpenFifo(const std::string& path, int flags, UniqueFd* fd);

// How many bytes wait to be read. An error counts as none.
int BytesInFifo(const UniqueFd& fd);

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_FIFO_H_
