// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_SLACK_H_
#define CRONIUM_CONTROLLER_ACTIONS_SLACK_H_

#include "absl/status/statusor.h"
#include "controller/actions/action.h"
#include "controller/actions/params.h"
#include "cronium/v1/credential.pb.h"

namespace cronium::controller {

inline constexpr char kSlackApiUrl[] = "https://slack.com/api";

// slack send_message, by incoming webhook or by chat.postMessage. Everything in params is read;
// INVALID_ARGUMENT names what is wrong.
absl::StatusOr<ActionPlan> PlanSlackMessage(Params* params, const v1::SlackSecret& secret);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_SLACK_H_
