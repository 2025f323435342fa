// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_PLACEMENT_H_
#define CRONIUM_CONTROLLER_CORE_PLACEMENT_H_

#include <string>

#include "controller/core/node_table.h"
#include "cronium/v1/job.pb.h"

namespace cronium::controller {

// Why a job waits: UPPER_SNAKE_CASE, and the same for a person.
struct WaitReason {
  std::string reason;
  std::string message;
};

struct PlacementResult {
  // Null where no node takes the job; `wait` then says why.
  const NodeEntry* node = nullptr;
  WaitReason wait;
};

// Filters the nodes (pin, labels, state, slots, CPU, memory) and takes the one that is fullest
// afterwards, so that large jobs still find room elsewhere (best fit by the dominant resource, as
// in Ghodsi et al., "Dominant Resource Fairness", NSDI 2011); the first by name among equals. Each
// node that was passed over counts towards the reason.
PlacementResult Place(const v1::JobSpec& spec, const NodeTable& nodes);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_PLACEMENT_H_
