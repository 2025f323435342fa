// SPDX-License-Identifier: Apache-2.0
#include "controller/api/runtime_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/json.h"
#include "controller/actions/tool_actions.h"
#include "controller/api/idempotency.h"
#include "controller/api/read_batch.h"
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

// HandleCall for what changes something: runs handler(caller, once, done), where `once` is the
// request's idempotency key.
template <typename Request, typename Handler>
grpc::ServerUnaryReactor* HandleEffect(const Services& services, absl::string_view method,
                                       grpc::CallbackServerContext* context, const Request& request,
                                       Handler handler) {
  return HandleCall(services, method, context, [&](const Caller& caller, const Done& done) {
    absl::StatusOr<IdempotencyKey> once = KeyOf(caller, method, request, services.clock->Now());
    if (!once.ok()) return done(once.status());
    handler(caller, *std::move(once), done);
  });
}

// A variable of the caller's namespace, to be changed by the caller.
v1::Variable VariableOf(const Caller& caller, const std::string& key) {
  v1::Variable variable;
  variable.set_namespace_(caller.name_space);
  variable.set_key(key);
  variable.set_updater(caller.name);
  return variable;
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
  const auto handler = [&](const Caller& caller, IdempotencyKey once, const Done& done) {
    if (absl::Status status = CheckOutput(request->output_json()); !status.ok()) {
      return done(status);
    }
    CommitOne(services_, PutOutput{caller.name, request->output_json(), std::move(once)},
              [done](const ChangeResult& result) { done(result.status()); });
  };
  return HandleEffect(services_, "/cronium.v1.RuntimeService/SetOutput", context, *request,
                      handler);
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
  const auto handler = [&](const Caller& caller, IdempotencyKey once, const Done& done) {
    if (!request->has_condition()) {
      Violations violations;
      violations.Add("condition", "is required: true or false");
      return done(violations.ToStatus());
    }
    const ScriptCondition news{caller.name, request->condition()};
    CommitOne(services_, PutCondition{caller.name, request->condition(), std::move(once)},
              [core = services_.core, news, done](const ChangeResult& result) {
                // Before the answer, so that the core knows of it before the script can end.
                if (result.ok() && *result == "made") core->PostUrgent(news);
                done(result.status());
              });
  };
  return HandleEffect(services_, "/cronium.v1.RuntimeService/SetCondition", context, *request,
                      handler);
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

grpc::ServerUnaryReactor* RuntimeServiceImpl::ReadVariables(grpc::CallbackServerContext* context,
                                                            const v1::ReadVariablesRequest* request,
                                                            v1::ReadVariablesResponse* response) {
  const auto handler = [&](const Caller& caller) {
    return ReadBatch(services_, caller.node, *request, response);
  };
  return HandleSimpleCall(services_, "/cronium.v1.RuntimeService/ReadVariables", context, handler);
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
  const auto handler = [&](const Caller& caller, IdempotencyKey once, const Done& done) {
    v1::Variable variable = VariableOf(caller, request->key());
    variable.set_value_json(request->value_json());
    cronium::controller::WriteVariable(services_, std::move(variable), request->etag(),
                                       std::move(once),
                                       [response, done](absl::StatusOr<std::string> etag) {
                                         if (etag.ok()) response->set_etag(*etag);
                                         done(etag.status());
                                       });
  };
  return HandleEffect(services_, "/cronium.v1.RuntimeService/WriteVariable", context, *request,
                      handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::RemoveVariable(
    grpc::CallbackServerContext* context, const v1::RemoveVariableRequest* request,
    v1::RemoveVariableResponse*) {
  const auto handler = [&](const Caller& caller, IdempotencyKey once, const Done& done) {
    cronium::controller::RemoveVariable(services_, caller.name_space, request->key(),
                                        request->etag(), std::move(once), done);
  };
  return HandleEffect(services_, "/cronium.v1.RuntimeService/RemoveVariable", context, *request,
                      handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::IncrementVariable(
    grpc::CallbackServerContext* context, const v1::IncrementVariableRequest* request,
    v1::IncrementVariableResponse* response) {
  const auto handler = [&](const Caller& caller, IdempotencyKey once, const Done& done) {
    Increment(services_, {VariableOf(caller, request->key()), request->by_json(), std::move(once)},
              [response, done](absl::StatusOr<v1::Variable> variable) {
                if (variable.ok()) {
                  response->set_value_json(variable->value_json());
                  response->set_etag(variable->etag());
                }
                done(variable.status());
              });
  };
  return HandleEffect(services_, "/cronium.v1.RuntimeService/IncrementVariable", context, *request,
                      handler);
}

grpc::ServerUnaryReactor* RuntimeServiceImpl::AppendVariable(
    grpc::CallbackServerContext* context, const v1::AppendVariableRequest* request,
    v1::AppendVariableResponse* response) {
  const auto handler = [&](const Caller& caller, IdempotencyKey once, const Done& done) {
    Append(services_,
           {VariableOf(caller, request->key()), request->text_json(), request->separator_json(),
            std::move(once)},
           [response, done](absl::StatusOr<std::string> etag) {
             if (etag.ok()) response->set_etag(*etag);
             done(etag.status());
           });
  };
  return HandleEffect(services_, "/cronium.v1.RuntimeService/AppendVariable", context, *request,
                      handler);
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
