// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/operations.h"

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
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
constexpr size_t kMaxIdempotencyKeyBytes = 128;

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

// As it came, or why it cannot be one; empty where the header is absent.
absl::StatusOr<std::string> ParseIdempotencyKey(const std::string& header) {
  bool printable = true;
  for (const char c : header) printable = printable && absl::ascii_isprint(c);
  if (printable && header.size() <= kMaxIdempotencyKeyBytes) return header;
  return absl::InvalidArgumentError(absl::StrCat("Idempotency-Key: has ", header.size(),
                                                 " bytes; 1 to ", kMaxIdempotencyKeyBytes,
                                                 " bytes of printable ASCII are allowed"));
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

// What the head of a request that changes something says, beside the route.
struct Effect {
  std::string token;
  std::string key;
  std::string etag;
  std::string idempotency_key;

  // A call with a key may be made again whatever it does: the controller does it once. `otherwise`:
  // whether one without a key may be.
  CallOptions Options(bool otherwise) const {
    return {token, /*idempotent=*/otherwise || !idempotency_key.empty()};
  }
};

std::unique_ptr<Operation> SetOutput(ControllerClient* client, const Effect& effect) {
  return WriteOperation<v1::SetOutputRequest, v1::SetOutputResponse>(
      client, &Async::SetOutput, effect.Options(true), kMaxOutputBodyBytes,
      [effect](std::string body) -> absl::StatusOr<v1::SetOutputRequest> {
        absl::StatusOr<std::string> data = TakeJsonField(std::move(body), "data");
        if (!data.ok()) return data.status();
        v1::SetOutputRequest request;
        request.set_output_json(*std::move(data));
        request.set_idempotency_key(effect.idempotency_key);
        return request;
      },
      OnSuccess<v1::SetOutputResponse>([](const auto&) { return SuccessReply(); }));
}

std::unique_ptr<Operation> SetCondition(ControllerClient* client, const Effect& effect) {
  return WriteOperation<v1::SetConditionRequest, v1::SetConditionResponse>(
      client, &Async::SetCondition, effect.Options(true), kMaxIgnoredBodyBytes,
      [effect](std::string body) -> absl::StatusOr<v1::SetConditionRequest> {
        absl::StatusOr<std::string> text = TakeJsonField(std::move(body), "condition");
        if (!text.ok()) return text.status();
        if (*text != "true" && *text != "false") {
          return absl::InvalidArgumentError("condition: is not true or false");
        }
        v1::SetConditionRequest request;
        request.set_condition(*text == "true");
        request.set_idempotency_key(effect.idempotency_key);
        return request;
      },
      OnSuccess<v1::SetConditionResponse>([](const auto&) { return SuccessReply(); }));
}

// {"success":true} and the new etag.
template <typename Response_>
std::function<Response(CallResult<Response_>)> EtagReply() {
  return OnSuccess<Response_>([](const Response_& written) {
    Response response = SuccessReply();
    AddEtag(written.etag(), &response);
    return response;
  });
}

std::unique_ptr<Operation> WriteVariable(ControllerClient* client, const Effect& effect) {
  // With an etag a second try would be refused where the first had its effect; without one it sets
  // the same value again.
  return WriteOperation<v1::WriteVariableRequest, v1::WriteVariableResponse>(
      client, &Async::WriteVariable, effect.Options(effect.etag.empty()), kMaxVariableBodyBytes,
      [effect](std::string body) -> absl::StatusOr<v1::WriteVariableRequest> {
        absl::StatusOr<std::string> value = TakeJsonField(std::move(body), "value");
        if (!value.ok()) return value.status();
        v1::WriteVariableRequest request;
        request.set_key(effect.key);
        request.set_etag(effect.etag);
        request.set_value_json(*std::move(value));
        request.set_idempotency_key(effect.idempotency_key);
        return request;
      },
      EtagReply<v1::WriteVariableResponse>());
}

std::unique_ptr<Operation> RemoveVariable(ControllerClient* client, const Effect& effect) {
  return WriteOperation<v1::RemoveVariableRequest, v1::RemoveVariableResponse>(
      client, &Async::RemoveVariable, effect.Options(true), kMaxIgnoredBodyBytes,
      [effect](const std::string& /*body*/) -> absl::StatusOr<v1::RemoveVariableRequest> {
        v1::RemoveVariableRequest request;
        request.set_key(effect.key);
        request.set_etag(effect.etag);
        request.set_idempotency_key(effect.idempotency_key);
        return request;
      },
      [keyless = effect.idempotency_key.empty()](CallResult<v1::RemoveVariableResponse> result) {
        const absl::Status status = result.response.status();
        // An earlier try may have removed it before the connection broke off. With a key the
        // controller would have said so.
        if (status.ok() ||
            (keyless && result.repeated && ErrorReason(status) == "VARIABLE_NOT_FOUND")) {
          return SuccessReply();
        }
        return StatusResponse(status);
      });
}

std::unique_ptr<Operation> IncrementVariable(ControllerClient* client, const Effect& effect) {
  return WriteOperation<v1::IncrementVariableRequest, v1::IncrementVariableResponse>(
      client, &Async::IncrementVariable, effect.Options(false), kMaxVariableBodyBytes,
      [effect](std::string body) -> absl::StatusOr<v1::IncrementVariableRequest> {
        absl::StatusOr<std::string> by = TakeJsonField(std::move(body), "by");
        if (!by.ok()) return by.status();
        if (by->front() != '-' && !absl::ascii_isdigit(by->front())) {
          return absl::InvalidArgumentError("by: is not a number");
        }
        v1::IncrementVariableRequest request;
        request.set_key(effect.key);
        request.set_by_json(*std::move(by));
        request.set_idempotency_key(effect.idempotency_key);
        return request;
      },
      OnSuccess<v1::IncrementVariableResponse>(
          [key = effect.key](const v1::IncrementVariableResponse& counted) {
            v1::Variable variable;
            variable.set_key(key);
            variable.set_value_json(counted.value_json());
            variable.set_etag(counted.etag());
            return VariableReply(variable);
          }));
}

std::unique_ptr<Operation> AppendVariable(ControllerClient* client, const Effect& effect) {
  return WriteOperation<v1::AppendVariableRequest, v1::AppendVariableResponse>(
      client, &Async::AppendVariable, effect.Options(false), kMaxVariableBodyBytes,
      [effect](const std::string& body) -> absl::StatusOr<v1::AppendVariableRequest> {
        absl::StatusOr<JsonFields> fields = TakeJsonFields(body, "text", "separator");
        if (!fields.ok()) return fields.status();
        if (fields->first.front() != '"') {
          return absl::InvalidArgumentError("text: is not a string");
        }
        if (!fields->second.empty() && fields->second.front() != '"') {
          return absl::InvalidArgumentError("separator: is not a string");
        }
        v1::AppendVariableRequest request;
        request.set_key(effect.key);
        request.set_text_json(std::move(fields->first));
        request.set_separator_json(std::move(fields->second));
        request.set_idempotency_key(effect.idempotency_key);
        return request;
      },
      EtagReply<v1::AppendVariableResponse>());
}

// Apart from the other reads, since it goes to the controller together with its like.
class ReadVariable : public Operation {
 public:
  ReadVariable(ControllerClient* client, std::string token, std::string key)
      : client_(client), token_(std::move(token)), key_(std::move(key)) {}

  size_t max_body_bytes() const override { return kMaxIgnoredBodyBytes; }

  void Run(std::string /*body*/, Reply reply) override {
    client_->ReadVariable(
        std::move(token_), std::move(key_),
        [reply = std::move(reply)](const absl::StatusOr<v1::Variable>& variable) {
          reply(variable.ok() ? VariableReply(*variable) : StatusResponse(variable.status()));
        });
  }

 private:
  ControllerClient* const client_;
  std::string token_;
  std::string key_;
};

Outcome EffectOperation(ControllerClient* client, const Route& route, const RequestHead& head,
                        Effect effect) {
  absl::StatusOr<std::string> idempotency_key = ParseIdempotencyKey(head.idempotency_key);
  if (!idempotency_key.ok()) return BadRequest(idempotency_key.status().message());
  effect.idempotency_key = *std::move(idempotency_key);
  switch (route.endpoint) {
    case Endpoint::kOutput:
      return SetOutput(client, effect);
    case Endpoint::kCondition:
      return SetCondition(client, effect);
    case Endpoint::kIncrement:
      return IncrementVariable(client, effect);
    case Endpoint::kAppend:
      return AppendVariable(client, effect);
    default:
      return head.method == "PUT" ? WriteVariable(client, effect) : RemoveVariable(client, effect);
  }
}

Outcome VariableOperation(ControllerClient* client, const Route& route, const RequestHead& head,
                          const std::string& token) {
  const absl::StatusOr<std::string> key = DecodeKey(route.key);
  if (!key.ok()) return BadRequest(key.status().message());
  const absl::StatusOr<std::string> etag = ParseIfMatch(head.if_match);
  if (!etag.ok()) return BadRequest(etag.status().message());
  if (head.method == "GET" || head.method == "HEAD") {
    return std::make_unique<ReadVariable>(client, token, *key);
  }
  return EffectOperation(client, route, head, {token, *key, *etag, ""});
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
      return EffectOperation(client, route, head, {token, "", "", ""});
    case Endpoint::kContext:
      return ReadOperation<v1::GetContextRequest, v1::GetContextResponse>(
          client, &Async::GetContext, token, {}, ContextReply);
    case Endpoint::kCondition:
      if (head.method == "POST") {
        return EffectOperation(client, route, head, {token, "", "", ""});
      }
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
    case Endpoint::kIncrement:
    case Endpoint::kAppend:
      return VariableOperation(client, route, head, token);
    default:
      return ErrorResponse(404, "ROUTE_NOT_FOUND", "not found");
  }
}

}  // namespace cronium::gateway
