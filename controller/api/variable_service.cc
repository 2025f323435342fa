// SPDX-License-Identifier: Apache-2.0
#include "controller/api/variable_service.h"

#include <string>
#include <utility>

#include "controller/api/variables.h"

namespace cronium::controller {

grpc::ServerUnaryReactor* VariableServiceImpl::GetVariable(grpc::CallbackServerContext* context,
                                                           const v1::GetVariableRequest* request,
                                                           v1::GetVariableResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    absl::StatusOr<std::string> name_space = ResolveNamespace(caller, request->namespace_());
    if (!name_space.ok()) return name_space.status();
    absl::StatusOr<v1::Variable> variable =
        cronium::controller::ReadVariable(services_, *name_space, request->key());
    if (variable.ok()) *response->mutable_variable() = *std::move(variable);
    return variable.status();
  };
  return HandleSimpleCall(services_, "/cronium.v1.VariableService/GetVariable", context, handler);
}

grpc::ServerUnaryReactor* VariableServiceImpl::ListVariables(
    grpc::CallbackServerContext* context, const v1::ListVariablesRequest* request,
    v1::ListVariablesResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    absl::StatusOr<std::string> name_space = ResolveNamespace(caller, request->namespace_());
    if (!name_space.ok()) return name_space.status();
    absl::StatusOr<VariablePage> page = cronium::controller::ListVariables(
        services_, *name_space, request->prefix(), request->page_size(), request->page_token());
    if (!page.ok()) return page.status();
    for (v1::Variable& variable : page->variables) {
      *response->add_variables() = std::move(variable);
    }
    response->set_next_page_token(page->next_page_token);
    return absl::OkStatus();
  };
  return HandleSimpleCall(services_, "/cronium.v1.VariableService/ListVariables", context, handler);
}

grpc::ServerUnaryReactor* VariableServiceImpl::SetVariable(grpc::CallbackServerContext* context,
                                                           const v1::SetVariableRequest* request,
                                                           v1::SetVariableResponse* response) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    absl::StatusOr<std::string> name_space = ResolveNamespace(caller, request->namespace_());
    if (!name_space.ok()) return done(name_space.status());
    v1::Variable variable;
    variable.set_namespace_(*name_space);
    variable.set_key(request->key());
    variable.set_value_json(request->value_json());
    variable.set_updater(caller.name);
    *response->mutable_variable() = variable;
    response->mutable_variable()->clear_value_json();
    WriteVariable(services_, std::move(variable), request->etag(), {},
                  [response, done](absl::StatusOr<std::string> etag) {
                    if (etag.ok()) response->mutable_variable()->set_etag(*etag);
                    done(etag.status());
                  });
  };
  return HandleCall(services_, "/cronium.v1.VariableService/SetVariable", context, handler);
}

grpc::ServerUnaryReactor* VariableServiceImpl::DeleteVariable(
    grpc::CallbackServerContext* context, const v1::DeleteVariableRequest* request,
    v1::DeleteVariableResponse*) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    absl::StatusOr<std::string> name_space = ResolveNamespace(caller, request->namespace_());
    if (!name_space.ok()) return done(name_space.status());
    RemoveVariable(services_, *name_space, request->key(), request->etag(), {}, done);
  };
  return HandleCall(services_, "/cronium.v1.VariableService/DeleteVariable", context, handler);
}

}  // namespace cronium::controller
