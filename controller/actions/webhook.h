// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_WEBHOOK_H_
#define CRONIUM_CONTROLLER_ACTIONS_WEBHOOK_H_

#include "absl/status/statusor.h"
#include "controller/actions/action.h"
#include "controller/actions/params.h"
#include "cronium/v1/credential.pb.h"

namespace cronium::controller {

// webhook request. With a credential (null: without) the request goes to its base URL and nowhere
// else: `path` is appended to it, and a `url` must lead below it, so that a script cannot have the
// credential's headers sent to a host of its choice. Everything in params is read;
// INVALID_ARGUMENT names what is wrong.
absl::StatusOr<ActionPlan> PlanWebhookRequest(Params* params, const v1::WebhookSecret* secret);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_WEBHOOK_H_
