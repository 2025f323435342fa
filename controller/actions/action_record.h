// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_ACTION_RECORD_H_
#define CRONIUM_CONTROLLER_ACTIONS_ACTION_RECORD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/actions/action.h"
#include "cronium/v1/audit.pb.h"
#include "cronium/v1/runtime_service.pb.h"

// What an action leaves behind: its answer, its idempotency record and its audit record. Pure.
namespace cronium::controller {

struct ActionFacts {
  std::string name_space;
  std::string job_id;
  std::string execution_id;
  std::string tool;
  std::string action;
  std::string credential;
  std::string target;
  int recipients = 0;
  int tries = 0;
  absl::Time time;
  absl::Duration duration;
};

// Secrets are masked in it.
v1::ExecuteToolActionResponse ActionResponse(const ActionFacts& facts, const ActionResult& result,
                                             const std::vector<std::string>& secrets);

v1::AuditRecord ActionAuditRecord(const ActionFacts& facts, const ActionResult& result);

// The response for the idempotency record, which holds 64 KiB: data that is longer is left out, and
// metadata says so.
std::string StoredResponse(v1::ExecuteToolActionResponse response);
// The answer that a response is: ABORTED (OUTCOME_UNKNOWN) where that is what it says.
absl::StatusOr<v1::ExecuteToolActionResponse> AnswerOf(v1::ExecuteToolActionResponse response);
// The same of a stored one. DATA_LOSS.
absl::StatusOr<v1::ExecuteToolActionResponse> AnswerOfStored(const std::string& stored);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_ACTION_RECORD_H_
