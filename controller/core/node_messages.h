// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_NODE_MESSAGES_H_
#define CRONIUM_CONTROLLER_CORE_NODE_MESSAGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/lease.h"
#include "controller/core/messages.h"
#include "cronium/v1/agent_service.pb.h"
#include "cronium/v1/job.pb.h"

// What the core says to agents.
namespace cronium::controller {

// When a loss of contact becomes the loss of what runs there. `side` is kController.
absl::Time LossTime(LeaseSide side, absl::Time last_contact, const v1::JobSpec& spec);

v1::SessionResponse StopMessage(const std::string& execution_id, v1::EndReason reason);

// One execution's assignment; spec and token are filled in by the sender.
Send AssignmentMessage(uint64_t connection, const v1::Execution& execution,
                       std::shared_ptr<const v1::JobSpec> spec);

// Puts the assignments of each connection together, in order, in messages of at most
// max_spec_bytes of specs, or of one.
std::vector<Send> MergeAssignments(std::vector<Send> sends, int64_t max_spec_bytes);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_NODE_MESSAGES_H_
