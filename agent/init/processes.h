// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_PROCESSES_H_
#define CRONIUM_AGENT_INIT_PROCESSES_H_

namespace cronium::agent::init {

// Makes every orphaned descendant a child of this process, as pid 1 has it by birth. Elsewhere (a
// test, a runtime without a pid namespace) it is asked of the kernel.
void AdoptOrphans();

// Sends SIGKILL to every other process of the pid namespace as pid 1; elsewhere only to this
// process's own children, whose orphans then become its children, so that repeated calls reach all
// descendants. True while there was any to kill.
bool KillOthers();

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_PROCESSES_H_
