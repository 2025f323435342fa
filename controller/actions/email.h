// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_EMAIL_H_
#define CRONIUM_CONTROLLER_ACTIONS_EMAIL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/actions/action.h"
#include "controller/actions/params.h"
#include "cronium/v1/credential.pb.h"

namespace cronium::controller {

// email send_message. `unique` makes the Message-ID: the same for each try of one mail, so that a
// server which gets it twice can tell. Everything in params is read; INVALID_ARGUMENT names what is
// wrong.
absl::StatusOr<ActionPlan> PlanEmail(Params* params, const v1::SmtpSecret& secret, absl::Time now,
                                     const std::string& unique);

// The port that is meant.
int SmtpPort(const v1::SmtpSecret& secret);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_EMAIL_H_
