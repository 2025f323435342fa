// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/tool_action_operation.h"

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/ids.h"
#include "common/json.h"
#include "common/json_members.h"
#include "runtime-gateway/api/status_response.h"
#include "runtime-gateway/http/error_response.h"

namespace cronium::gateway {
namespace {

constexpr size_t kMaxNameBytes = 100;

absl::Status Wrong(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

// A member of the body that is a name.
absl::StatusOr<std::string> ReadName(const std::optional<absl::string_view>& value,
                                     absl::string_view field) {
  if (!value.has_value()) return Wrong(field, "is required");
  std::optional<std::string> text = JsonStringText(*value);
  if (!text.has_value() || text->empty() || text->size() > kMaxNameBytes) {
    return Wrong(field, absl::StrCat("is not a string of 1 to ", kMaxNameBytes, " bytes"));
  }
  return *std::move(text);
}

absl::StatusOr<v1::ExecuteToolActionRequest> ReadBody(const std::string& body) {
  if (body.empty())
    return Wrong("body",
                 "is empty; a JSON object with tool, action and params is "
                 "expected");
  absl::StatusOr<std::vector<JsonMember>> members = JsonMembers(body);
  if (!members.ok()) return Wrong("body", members.status().message());
  std::optional<absl::string_view> tool, action, params, config;
  for (const JsonMember& member : *members) {
    for (const auto& [name, value] : {std::pair("tool", &tool), std::pair("action", &action),
                                      std::pair("params", &params), std::pair("config", &config)}) {
      if (member.name != name) continue;
      if (value->has_value()) return Wrong(name, "is there more than once");
      *value = member.value;
    }
  }
  v1::ExecuteToolActionRequest request;
  absl::StatusOr<std::string> tool_name = ReadName(tool, "tool");
  if (!tool_name.ok()) return tool_name.status();
  absl::StatusOr<std::string> action_name = ReadName(action, "action");
  if (!action_name.ok()) return action_name.status();
  if (params.has_value() && config.has_value()) {
    return Wrong("config", "is another name of params: give one of them");
  }
  const absl::string_view given = params.has_value() ? *params : config.value_or("{}");
  if (given[0] != '{')
    return Wrong(config.has_value() ? "config" : "params", "is not a JSON object");
  request.set_tool(*std::move(tool_name));
  request.set_action(*std::move(action_name));
  request.set_params_json(std::string(given));
  return request;
}

Response ResultReply(const v1::ExecuteToolActionResponse& result) {
  Response response;
  const std::string data = result.data_json().empty() ? "null" : result.data_json();
  const std::string metadata = result.metadata_json().empty() ? "{}" : result.metadata_json();
  std::string failure;
  if (!result.success()) {
    const std::string error = QuoteJson(result.error());
    failure = absl::StrCat(R"(,"error":)", error, R"(,"message":)", error, R"(,"code":)",
                           QuoteJson(result.code()));
  }
  response.body = absl::StrCat(R"({"success":)", result.success() ? "true" : "false", R"(,"data":)",
                               data, failure, R"(,"metadata":)", metadata, "}");
  return response;
}

bool IsUnreachable(const absl::Status& status) {
  return ErrorReason(status).empty() &&
         (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status));
}

class ToolActionOperation : public Operation {
 public:
  ToolActionOperation(ControllerClient* client, std::string token, std::string key)
      : client_(client), token_(std::move(token)), key_(std::move(key)) {}

  size_t max_body_bytes() const override { return kMaxToolActionBodyBytes; }

  void Run(std::string body, Reply reply) override {
    absl::StatusOr<v1::ExecuteToolActionRequest> request = ReadBody(body);
    if (!request.ok()) {
      reply(ErrorResponse(400, "INVALID_REQUEST", request.status().message()));
      return;
    }
    const bool clients_key = !key_.empty();
    request->set_idempotency_key(clients_key ? key_ : absl::StrCat("gateway-", RandomBase62(22)));
    using Result = CallResult<v1::ExecuteToolActionResponse>;
    client_->Call<v1::ExecuteToolActionRequest, v1::ExecuteToolActionResponse>(
        &ControllerClient::Async::ExecuteToolAction, {token_, /*idempotent=*/true},
        *std::move(request), [clients_key, reply = std::move(reply)](const Result& result) {
          if (result.response.ok()) {
            reply(ResultReply(*result.response));
          } else if (!clients_key && result.repeated && IsUnreachable(result.response.status())) {
            reply(ErrorResponse(409, "OUTCOME_UNKNOWN",
                                "the controller was reached and then lost: the action may or may "
                                "not have been executed"));
          } else {
            reply(StatusResponse(result.response.status()));
          }
        });
  }

 private:
  ControllerClient* const client_;
  const std::string token_;
  const std::string key_;
};

}  // namespace

std::unique_ptr<Operation> MakeToolActionOperation(ControllerClient* client,
                                                   const std::string& token,
                                                   const std::string& idempotency_key) {
  return std::make_unique<ToolActionOperation>(client, token, idempotency_key);
}

}  // namespace cronium::gateway
