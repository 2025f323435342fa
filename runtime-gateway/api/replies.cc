// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/replies.h"

#include <google/protobuf/util/json_util.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/json.h"

namespace cronium::gateway {
namespace {

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

std::string TimeOrNull(bool present, const google::protobuf::Timestamp& time) {
  if (!present) return "null";
  return QuoteJson(
      Rfc3339(absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos())));
}

std::string MetadataJson(const google::protobuf::Struct& metadata) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(metadata, &json).ok()) return "{}";
  return json;
}

}  // namespace

Response HealthReply(absl::Time now) {
  Response response;
  response.body = absl::StrCat(R"({"status":"healthy","time":)", QuoteJson(Rfc3339(now)), "}");
  return response;
}

Response SuccessReply() {
  Response response;
  response.body = R"({"success":true})";
  return response;
}

Response DataReply(absl::string_view json) {
  Response response;
  response.body = absl::StrCat(R"({"success":true,"data":)", json, "}");
  return response;
}

Response ContextReply(const v1::GetContextResponse& context) {
  const std::string event_id = QuoteJson(context.event_id());
  const std::string event_name = QuoteJson(context.event_name());
  const std::string event_type = QuoteJson(context.event_type());
  return DataReply(absl::StrCat(R"({"executionId":)", QuoteJson(context.execution_id()),  //
                                R"(,"jobId":)", QuoteJson(context.job_id()),              //
                                R"(,"eventId":)", event_id,                               //
                                R"(,"eventName":)", event_name,                           //
                                R"(,"eventType":)", event_type,                           //
                                R"(,"userId":)", QuoteJson(context.user_id()),            //
                                R"(,"startTime":)",
                                TimeOrNull(context.has_start_time(), context.start_time()),
                                R"(,"attempt":)", context.attempt(),                  //
                                R"(,"metadata":)", MetadataJson(context.metadata()),  //
                                R"(,"namespace":)", QuoteJson(context.namespace_()),  //
                                R"(,"node":)", QuoteJson(context.node()),             //
                                R"(,"id":)", event_id,                                //
                                R"(,"name":)", event_name,                            //
                                R"(,"type":)", event_type, "}"));
}

Response ConditionReply(const v1::GetConditionResponse& condition) {
  if (!condition.has_condition()) return DataReply("null");
  return DataReply(condition.condition() ? "true" : "false");
}

Response VariableReply(const v1::Variable& variable) {
  Response response = DataReply(absl::StrCat(R"({"key":)", QuoteJson(variable.key()),
                                             R"(,"value":)", variable.value_json(), "}"));
  AddEtag(variable.etag(), &response);
  return response;
}

Response VariablesReply(const v1::ScanVariablesResponse& page) {
  std::string list;
  for (const v1::Variable& variable : page.variables()) {
    absl::StrAppend(&list, list.empty() ? "" : ",", R"({"key":)", QuoteJson(variable.key()),
                    R"(,"value":)", variable.value_json(), "}");
  }
  return DataReply(absl::StrCat(R"({"variables":[)", list, R"(],"next_page_token":)",
                                QuoteJson(page.next_page_token()), "}"));
}

void AddEtag(absl::string_view etag, Response* response) {
  if (!etag.empty()) response->headers.emplace_back("ETag", absl::StrCat("\"", etag, "\""));
}

}  // namespace cronium::gateway
