// SPDX-License-Identifier: Apache-2.0
#include "controller/api/runtime_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/json.h"
#include "controller/actions/tool_actions.h"
#include "controller/api/variables.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxOutputBytes = 8 << 20;

absl::Status CheckOutput(const std::string& json) {
  Violations violations;
  if (json.size() > kMaxOutputBytes) {
    violations.Add("output_json", absl::StrCat("has ", json.size(), " bytes; at most ",
                                               kMaxOutputBytes, " are allowed"));
  } else if (absl::Status status = ValidateJson(json); !status.ok()) {
    violations.Add("output_json", status.message());
  }
  return violations.ToStatus();
}

}  // namespace

grpc::ServerUnaryReactor* RuntimeServiceImpl::GetTokenKeys(grpc::CallbackServerContext* context,
                                                           const v1::GetTokenKeysRequest*,
                                                           v1::GetTokenKeysResponse* response) {
  const auto handler = [&](const Caller&) -> absl::Status {
    const TokenPublicKey& key = services_.tokens->public_key();
    v1::TokenKey* out = response->add_keys();
    out->set_id(key.id);
    out->set_public_key_pem(key.pem);
    response->set_issuer(std::string(kTokenIssuer));
    response->set_audience(std::string(kTokenAudience));
    return absl::OkStatus();
  };
  return HandleSimpleCall(services_, "/cronium.v1.RuntimeService/GetTokenKeys", context, handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::GetInput(grpc::CallbackServerContext* context,
                                                       const v1::GetInputRequest*,
                                                       v1::GetInputResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    response->set_input_json(caller.execution->spec->input_json());
    return absl::OkStatus();
  };
  return HandleSimpleCall(services_, "/cronium.v1.RuntimeService/GetInput", context, handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::SetOutput(grpc::CallbackServerContext* context,
                                                        const v1::SetOutputRequest* request,
                                                        v1::SetOutputResponse*) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    if (absl::Status status = CheckOutput(request->output_json()); !status.ok()) {
      return done(status);
    }
    services_.core->Post(ScriptOutput{caller.execution->execution.id(), request->output_json()},
                         [done](absl::StatusOr<v1::Job> answer) { done(answer.status()); });
  };
  return HandleCall(services_, "/cronium.v1.RuntimeService/SetOutput", context, handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::GetContext(grpc::CallbackServerContext* context,
                                                         const v1::GetContextRequest*,
                                                         v1::GetContextResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    const v1::Execution& execution = caller.execution->execution;
    response->set_execution_id(execution.id());
    response->set_job_id(execution.job_id());
    response->set_event_type("script");
    response->set_user_id(execution.namespace_());
    response->set_attempt(execution.attempt());
    response->set_namespace_(execution.namespace_());
    response->set_node(execution.node());
    *response->mutable_start_time() =
        execution.has_start_time() ? execution.start_time() : execution.assign_time();
    for (const auto& [key, value] : caller.execution->spec->labels()) {
      (*response->mutable_metadata()->mutable_fields())[key].set_string_value(value);
    }
    return absl::OkStatus();
  };
  return HandleSimpleCall(services_, "/cronium.v1.RuntimeService/GetContext", context, handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::GetCondition(grpc::CallbackServerContext* context,
                                                           const v1::GetConditionRequest*,
                                                           v1::GetConditionResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    absl::StatusOr<v1::Execution> execution =
        services_.store->GetExecution(caller.execution->execution.id());
    if (!execution.ok()) return execution.status();
    if (execution->has_condition()) response->set_condition(execution->condition());
    return absl::OkStatus();
  };
  return HandleSimpleCall(services_, "/cronium.v1.RuntimeService/GetCondition", context, handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::SetCondition(grpc::CallbackServerContext* context,
                                                           const v1::SetConditionRequest* request,
                                                           v1::SetConditionResponse*) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    if (!request->has_condition()) {
      Violations violations;
      violations.Add("condition", "is required: true or false");
      return done(violations.ToStatus());
    }
    services_.core->Post(ScriptCondition{caller.execution->execution.id(), request->condition()},
                         [done](absl::StatusOr<v1::Job> answer) { done(answer.status()); });
  };
  return HandleCall(services_, "/cronium.v1.RuntimeService/SetCondition", context, handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::ReadVariable(grpc::CallbackServerContext* context,
                                                           const v1::ReadVariableRequest* request,
                                                           v1::ReadVariableResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    absl::StatusOr<v1::Variable> variable =
        cronium::controller::ReadVariable(services_, caller.name_space, request->key());
    if (variable.ok()) *response->mutable_variable() = *std::move(variable);
    return variable.status();
  };
  return HandleSimpleCall(services_, "/cronium.v1.RuntimeService/ReadVariable", context, handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::ScanVariables(grpc::CallbackServerContext* context,
                                                            const v1::ScanVariablesRequest* request,
                                                            v1::ScanVariablesResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    absl::StatusOr<VariablePage> page =
        ListVariables(services_, caller.name_space, request->prefix(), request->page_size(),
                      request->page_token());
    if (!page.ok()) return page.status();
    for (v1::Variable& variable : page->variables) {
      *response->add_variables() = std::move(variable);
    }
    response->set_next_page_token(page->next_page_token);
    return absl::OkStatus();
  };
  return HandleSimpleCall(services_, "/cronium.v1.RuntimeService/ScanVariables", context, handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::WriteVariable(grpc::CallbackServerContext* context,
                                                            const v1::WriteVariableRequest* request,
                                                            v1::WriteVariableResponse* response) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    v1::Variable variable;
    variable.set_namespace_(caller.name_space);
    variable.set_key(request->key());
    variable.set_value_json(request->value_json());
    variable.set_updater(caller.name);
    cronium::controller::WriteVariable(services_, std::move(variable), request->etag(),
                                       [response, done](absl::StatusOr<std::string> etag) {
                                         if (etag.ok()) response->set_etag(*etag);
                                         done(etag.status());
                                       });
  };
  return HandleCall(services_, "/cronium.v1.RuntimeService/WriteVariable", context, handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::RemoveVariable(
    grpc::CallbackServerContext* context, const v1::RemoveVariableRequest* request,
    v1::RemoveVariableResponse*) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    cronium::controller::RemoveVariable(services_, caller.name_space, request->key(),
                                        request->etag(), done);
  };
  return HandleCall(services_, "/cronium.v1.RuntimeService/RemoveVariable", context, handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::ExecuteToolAction(
    grpc::CallbackServerContext* context, const v1::ExecuteToolActionRequest* request,
    v1::ExecuteToolActionResponse* response) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    const v1::Execution& execution = caller.execution->execution;
    services_.actions->Execute(
        {execution.id(), execution.job_id(), caller.name_space, request->tool(), request->action(),
         request->params_json(), request->idempotency_key()},
        [response, done](absl::StatusOr<v1::ExecuteToolActionResponse> answer) {
          if (answer.ok()) *response = *std::move(answer);
          done(answer.status());
        });
  };
  return HandleCall(services_, "/cronium.v1.RuntimeService/ExecuteToolAction", context, handler);
}

}  // namespace cronium::controller
