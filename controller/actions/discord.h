// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_DISCORD_H_
#define CRONIUM_CONTROLLER_ACTIONS_DISCORD_H_

#include "absl/status/statusor.h"
#include "controller/actions/action.h"
#include "controller/actions/params.h"
#include "cronium/v1/credential.pb.h"

namespace cronium::controller {

inline constexpr char kDiscordApiUrl[] = "https://discord.com/api/v10";

// discord send_message, by webhook or as a bot. Nobody is pinged by what stands in the text unless
// `allowed_mentions` says so. Everything in params is read; INVALID_ARGUMENT names what is wrong.
absl::StatusOr<ActionPlan> PlanDiscordMessage(Params* params, const v1::DiscordSecret& secret);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_DISCORD_H_
