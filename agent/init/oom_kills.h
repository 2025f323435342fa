// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_OOM_KILLS_H_
#define CRONIUM_AGENT_INIT_OOM_KILLS_H_

#include <cstdint>
#include <string_view>

namespace cronium::agent::init {

// How many processes of this container the kernel has killed because its memory was used up, as its
// cgroup counts them: memory.events of version 2, memory.oom_control of version 1. 0 where neither
// can be read.
int64_t CountOomKills();

// The number in the line "oom_kill N" of either file; -1 when it has none.
int64_t ParseOomKills(std::string_view text);

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_OOM_KILLS_H_
