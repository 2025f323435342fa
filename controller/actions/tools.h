// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_TOOLS_H_
#define CRONIUM_CONTROLLER_ACTIONS_TOOLS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/actions/action.h"
#include "controller/core/store.h"
#include "controller/secrets/sealer.h"

namespace cronium::controller {

struct ActionRequest {
  std::string name_space;
  std::string tool;
  std::string action;
  std::string params_json;
  // Makes a mail's Message-ID.
  std::string unique;
  absl::Time now;
};

struct PlannedAction {
  ActionPlan plan;
  // Name of the credential; empty where none is used.
  std::string credential;
};

// Finds the tool, reads the parameters, chooses and opens the credential. Reads the store, and
// sends nothing. INVALID_ARGUMENT (INVALID_REQUEST), NOT_FOUND (TOOL_NOT_FOUND), and the errors of
// ChooseCredential and OpenSecret.
absl::StatusOr<PlannedAction> PlanAction(Store* store, const Sealer& sealer,
                                         const ActionRequest& request);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_TOOLS_H_
