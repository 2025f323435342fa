// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_CONTROLLER_ACTIONS_PLAN_PARTS_H_
#define CRONIUM_TESTS_CONTROLLER_ACTIONS_PLAN_PARTS_H_

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "controller/actions/action.h"

namespace cronium::controller {

// What a plan would send.
inline HttpRequest Request(const absl::StatusOr<ActionPlan>& plan) {
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? std::get<HttpRequest>(plan->message) : HttpRequest();
}

// Why there is none.
inline std::string Error(const absl::StatusOr<ActionPlan>& plan) {
  return std::string(plan.status().message());
}

}  // namespace cronium::controller

#endif  // CRONIUM_TESTS_CONTROLLER_ACTIONS_PLAN_PARTS_H_
