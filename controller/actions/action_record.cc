// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/action_record.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/proto_time.h"
#include "controller/actions/json_object.h"
#include "controller/actions/redact.h"

namespace cronium::controller {
namespace {

constexpr char kOutcomeUnknown[] = "OUTCOME_UNKNOWN";
// FinishEffect::result.
constexpr size_t kMaxStored = 64 << 10;

std::string CodeOf(const ActionResult& result) {
  if (result.success) return "";
  return result.outcome_unknown ? kOutcomeUnknown : result.code;
}

}  // namespace

v1::ExecuteToolActionResponse ActionResponse(const ActionFacts& facts, const ActionResult& result,
                                             const std::vector<std::string>& secrets) {
  JsonObject metadata;
  metadata.Text("tool", facts.tool).Text("action", facts.action);
  if (!facts.credential.empty()) metadata.Text("credential", facts.credential);
  metadata.Text("target", facts.target)
      .Number("status", result.status)
      .Number("tries", facts.tries)
      .Number("duration_ms", absl::ToInt64Milliseconds(facts.duration));
  v1::ExecuteToolActionResponse response;
  response.set_success(result.success);
  response.set_data_json(Redact(result.data_json, secrets));
  // What masking broke is no JSON any more: a secret may be a number, or a word of JSON.
  if (!ValidateJson(response.data_json()).ok()) response.set_data_json("null");
  response.set_error(Redact(result.error, secrets));
  response.set_code(CodeOf(result));
  response.set_metadata_json(metadata.Build());
  return response;
}

v1::AuditRecord ActionAuditRecord(const ActionFacts& facts, const ActionResult& result) {
  v1::AuditRecord record;
  SetTime(facts.time, record.mutable_time());
  record.set_operation("tool_action");
  record.set_actor(facts.execution_id);
  record.set_namespace_(facts.name_space);
  record.set_job_id(facts.job_id);
  record.set_execution_id(facts.execution_id);
  record.set_tool(facts.tool);
  record.set_action(facts.action);
  record.set_credential(facts.credential);
  record.set_target(facts.target);
  record.set_recipients(facts.recipients);
  record.set_outcome(result.success           ? v1::AUDIT_OUTCOME_SUCCEEDED
                     : result.outcome_unknown ? v1::AUDIT_OUTCOME_UNKNOWN
                                              : v1::AUDIT_OUTCOME_FAILED);
  record.set_reason(result.success ? "" : result.code);
  record.set_status(result.status);
  record.set_duration_ms(absl::ToInt64Milliseconds(facts.duration));
  record.set_tries(facts.tries);
  return record;
}

std::string StoredResponse(v1::ExecuteToolActionResponse response) {
  if (response.ByteSizeLong() > kMaxStored) {
    response.set_data_json(R"({"omitted":"the answer was too large to be kept"})");
  }
  return response.SerializeAsString();
}

absl::StatusOr<v1::ExecuteToolActionResponse> AnswerOf(v1::ExecuteToolActionResponse response) {
  if (response.code() != kOutcomeUnknown) return response;
  return MakeError(absl::StatusCode::kAborted, kOutcomeUnknown, response.error());
}

absl::StatusOr<v1::ExecuteToolActionResponse> AnswerOfStored(const std::string& stored) {
  v1::ExecuteToolActionResponse response;
  if (!response.ParseFromString(stored)) {
    return absl::DataLossError("the database's record of an action is damaged");
  }
  return AnswerOf(std::move(response));
}

}  // namespace cronium::controller
