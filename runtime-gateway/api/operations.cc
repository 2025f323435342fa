// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/operations.h"

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error.h"
#include "common/json.h"
#include "runtime-gateway/api/json_field.h"
#include "runtime-gateway/api/replies.h"
#include "runtime-gateway/api/status_response.h"
#include "runtime-gateway/api/tool_action_operation.h"
#include "runtime-gateway/http/error_response.h"
#include "runtime-gateway/http/target.h"

namespace cronium::gateway {
namespace {

using Async = ControllerClient::Async;
using Outcome = std::variant<Response, std::unique_ptr<Operation>>;

constexpr size_t kMaxKeyBytes = 256;
constexpr int kMaxPageSize = 1000;

Response BadRequest(absl::string_view message) {
  return ErrorResponse(400, "INVALID_REQUEST", message);
}

// An operation made of its two halves: what to ask for, given the body, and what to answer.
template <typename Request, typename Response_>
class CallOperation : public Operation {
 public:
  struct Parts {
    size_t max_body_bytes = kMaxIgnoredBodyBytes;
    CallOptions options;
    // INVALID_ARGUMENT where the body is wrong.
    std::function<absl::StatusOr<Request>(std::string body)> ask;
    std::function<Response(CallResult<Response_>)> answer;
  };

  CallOperation(ControllerClient* client, ControllerClient::Method<Request, Response_> method,
                Parts parts)
      : client_(client), method_(method), parts_(std::move(parts)) {}

  size_t max_body_bytes() const override { return parts_.max_body_bytes; }

  void Run(std::string body, Reply reply) override {
    absl::StatusOr<Request> request = parts_.ask(std::move(body));
    if (!request.ok()) {
      reply(BadRequest(request.status().message()));
      return;
    }
    client_->Call<Request, Response_>(
        method_, parts_.options, *std::move(request),
        [reply = std::move(reply), answer = parts_.answer](CallResult<Response_> result) {
          reply(answer(std::move(result)));
        });
  }

 private:
  ControllerClient* const client_;
  const ControllerClient::Method<Request, Response_> method_;
  const Parts parts_;
};

// The answer where only a success has one of its own.
template <typename Response_, typename Render>
auto OnSuccess(Render render) {
  return [render](CallResult<Response_> result) {
    return result.response.ok() ? render(*result.response)
                                : StatusResponse(result.response.status());
  };
}

template <typename Request, typename Response_, typename Render>
std::unique_ptr<Operation> ReadOperation(ControllerClient* client,
                                         ControllerClient::Method<Request, Response_> method,
                                         const std::string& token, Request request, Render render) {
  typename CallOperation<Request, Response_>::Parts parts;
  parts.options = {token, /*idempotent=*/true};
  parts.ask = [request = std::move(request)](const std::string& /*body*/) {
    return absl::StatusOr<Request>(request);
  };
  parts.answer = OnSuccess<Response_>(render);
  return std::make_unique<CallOperation<Request, Response_>>(client, method, std::move(parts));
}

template <typename Request, typename Response_, typename Ask>
std::unique_ptr<Operation> WriteOperation(ControllerClient* client,
                                          ControllerClient::Method<Request, Response_> method,
                                          CallOptions options, size_t max_body_bytes, Ask ask,
                                          std::function<Response(CallResult<Response_>)> answer) {
  typename CallOperation<Request, Response_>::Parts parts;
  parts.max_body_bytes = max_body_bytes;
  parts.options = std::move(options);
  parts.ask = std::move(ask);
  parts.answer = std::move(answer);
  return std::make_unique<CallOperation<Request, Response_>>(client, method, std::move(parts));
}

absl::StatusOr<std::string> DecodeKey(absl::string_view encoded) {
  absl::StatusOr<std::string> key = PercentDecode(encoded);
  if (!key.ok()) return absl::InvalidArgumentError(absl::StrCat("key: ", key.status().message()));
  if (key->empty() || key->size() > kMaxKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("key: has ", key->size(), " bytes; 1 to ", kMaxKeyBytes, " are allowed"));
  }
  if (!IsUtf8(*key)) return absl::InvalidArgumentError("key: is not UTF-8");
  for (const char c : *key) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return absl::InvalidArgumentError("key: holds a control character");
    }
  }
  return key;
}

// One strong entity tag, with its quotes or without, or `*`: any; empty where the header is absent.
absl::StatusOr<std::string> ParseIfMatch(absl::string_view header) {
  if (header == "*") return std::string(header);
  absl::string_view etag = header;
  if (absl::ConsumePrefix(&etag, "\"") != absl::ConsumeSuffix(&etag, "\"") || etag == "*" ||
      absl::StartsWith(header, "W/") || absl::StrContains(etag, "\"") ||
      absl::StrContains(etag, ",") || (etag.empty() && !header.empty())) {
    return absl::InvalidArgumentError(
        "If-Match: one strong ETag is supported, as GET returns it, or *");
  }
  return std::string(etag);
}

absl::StatusOr<v1::ScanVariablesRequest> ParseScan(absl::string_view query) {
  v1::ScanVariablesRequest request;
  absl::StatusOr<std::string> prefix = QueryParameter(query, "prefix");
  if (!prefix.ok()) return prefix.status();
  if (!IsUtf8(*prefix)) return absl::InvalidArgumentError("prefix: is not UTF-8");
  absl::StatusOr<std::string> page_token = QueryParameter(query, "page_token");
  if (!page_token.ok()) return page_token.status();
  if (!IsUtf8(*page_token)) return absl::InvalidArgumentError("page_token: is not UTF-8");
  absl::StatusOr<std::string> page_size = QueryParameter(query, "page_size");
  if (!page_size.ok()) return page_size.status();
  int size = 0;
  if (!page_size->empty() &&
      (!absl::SimpleAtoi(*page_size, &size) || size < 1 || size > kMaxPageSize)) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size: is not a number from 1 to ", kMaxPageSize));
  }
  request.set_prefix(*std::move(prefix));
  request.set_page_token(*std::move(page_token));
  request.set_page_size(size);
  return request;
}

std::unique_ptr<Operation> SetOutput(ControllerClient* client, const std::string& token) {
  return WriteOperation<v1::SetOutputRequest, v1::SetOutputResponse>(
      client, &Async::SetOutput, {token, true}, kMaxOutputBodyBytes,
      [](std::string body) -> absl::StatusOr<v1::SetOutputRequest> {
        absl::StatusOr<std::string> data = TakeJsonField(std::move(body), "data");
        if (!data.ok()) return data.status();
        v1::SetOutputRequest request;
        request.set_output_json(*std::move(data));
        return request;
      },
      OnSuccess<v1::SetOutputResponse>([](const auto&) { return SuccessReply(); }));
}

std::unique_ptr<Operation> SetCondition(ControllerClient* client, const std::string& token) {
  return WriteOperation<v1::SetConditionRequest, v1::SetConditionResponse>(
      client, &Async::SetCondition, {token, true}, kMaxIgnoredBodyBytes,
      [](std::string body) -> absl::StatusOr<v1::SetConditionRequest> {
        absl::StatusOr<std::string> text = TakeJsonField(std::move(body), "condition");
        if (!text.ok()) return text.status();
        if (*text != "true" && *text != "false") {
          return absl::InvalidArgumentError("condition: is not true or false");
        }
        v1::SetConditionRequest request;
        request.set_condition(*text == "true");
        return request;
      },
      OnSuccess<v1::SetConditionResponse>([](const auto&) { return SuccessReply(); }));
}

std::unique_ptr<Operation> WriteVariable(ControllerClient* client, const std::string& token,
                                         const std::string& key, const std::string& etag) {
  // With an etag a second try would be refused where the first had its effect; without one it sets
  // the same value again.
  return WriteOperation<v1::WriteVariableRequest, v1::WriteVariableResponse>(
      client, &Async::WriteVariable, {token, /*idempotent=*/etag.empty()}, kMaxVariableBodyBytes,
      [key, etag](std::string body) -> absl::StatusOr<v1::WriteVariableRequest> {
        absl::StatusOr<std::string> value = TakeJsonField(std::move(body), "value");
        if (!value.ok()) return value.status();
        v1::WriteVariableRequest request;
        request.set_key(key);
        request.set_etag(etag);
        request.set_value_json(*std::move(value));
        return request;
      },
      OnSuccess<v1::WriteVariableResponse>([](const v1::WriteVariableResponse& written) {
        Response response = SuccessReply();
        AddEtag(written.etag(), &response);
        return response;
      }));
}

std::unique_ptr<Operation> RemoveVariable(ControllerClient* client, const std::string& token,
                                          const std::string& key, const std::string& etag) {
  return WriteOperation<v1::RemoveVariableRequest, v1::RemoveVariableResponse>(
      client, &Async::RemoveVariable, {token, true}, kMaxIgnoredBodyBytes,
      [key, etag](const std::string& /*body*/) -> absl::StatusOr<v1::RemoveVariableRequest> {
        v1::RemoveVariableRequest request;
        request.set_key(key);
        request.set_etag(etag);
        return request;
      },
      [](CallResult<v1::RemoveVariableResponse> result) {
        const absl::Status status = result.response.status();
        // An earlier try may have removed it before the connection broke off.
        if (status.ok() || (result.repeated && ErrorReason(status) == "VARIABLE_NOT_FOUND")) {
          return SuccessReply();
        }
        return StatusResponse(status);
      });
}

Outcome VariableOperation(ControllerClient* client, const Route& route, const RequestHead& head,
                          const std::string& token) {
  const absl::StatusOr<std::string> key = DecodeKey(route.key);
  if (!key.ok()) return BadRequest(key.status().message());
  const absl::StatusOr<std::string> etag = ParseIfMatch(head.if_match);
  if (!etag.ok()) return BadRequest(etag.status().message());
  if (head.method == "PUT") return WriteVariable(client, token, *key, *etag);
  if (head.method == "DELETE") return RemoveVariable(client, token, *key, *etag);
  v1::ReadVariableRequest request;
  request.set_key(*key);
  return ReadOperation<v1::ReadVariableRequest, v1::ReadVariableResponse>(
      client, &Async::ReadVariable, token, std::move(request),
      [](const v1::ReadVariableResponse& read) { return VariableReply(read.variable()); });
}

}  // namespace

Outcome MakeOperation(ControllerClient* client, const Route& route, const RequestHead& head,
                      const std::string& token) {
  switch (route.endpoint) {
    case Endpoint::kInput:
      return ReadOperation<v1::GetInputRequest, v1::GetInputResponse>(
          client, &Async::GetInput, token, {}, [](const v1::GetInputResponse& input) {
            return DataReply(input.input_json().empty() ? "null" : input.input_json());
          });
    case Endpoint::kOutput:
      return SetOutput(client, token);
    case Endpoint::kContext:
      return ReadOperation<v1::GetContextRequest, v1::GetContextResponse>(
          client, &Async::GetContext, token, {}, ContextReply);
    case Endpoint::kCondition:
      if (head.method == "POST") return SetCondition(client, token);
      return ReadOperation<v1::GetConditionRequest, v1::GetConditionResponse>(
          client, &Async::GetCondition, token, {}, ConditionReply);
    case Endpoint::kVariables: {
      absl::StatusOr<v1::ScanVariablesRequest> request = ParseScan(head.query);
      if (!request.ok()) return BadRequest(request.status().message());
      return ReadOperation<v1::ScanVariablesRequest, v1::ScanVariablesResponse>(
          client, &Async::ScanVariables, token, *std::move(request), VariablesReply);
    }
    case Endpoint::kToolAction:
      return MakeToolActionOperation(client, token, head.idempotency_key);
    case Endpoint::kVariable:
      return VariableOperation(client, route, head, token);
    default:
      return ErrorResponse(404, "ROUTE_NOT_FOUND", "not found");
  }
}

}  // namespace cronium::gateway
