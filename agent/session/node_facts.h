// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_SESSION_NODE_FACTS_H_
#define CRONIUM_AGENT_SESSION_NODE_FACTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "cronium/v1/node.pb.h"

namespace cronium::agent {

// What this host is; without what the engine has to say. Unreadable facts are left empty.
v1::NodeFacts GatherNodeFacts();

// /proc/sys/kernel/random/boot_id.
absl::StatusOr<std::string> ReadBootId();

// All CPUs that this process may use, and all memory; no slots.
v1::NodeCapacity HostCapacity();

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_SESSION_NODE_FACTS_H_
