// SPDX-License-Identifier: Apache-2.0
#include "controller/api/credential_service.h"

#include <utility>

#include "controller/api/credentials.h"

namespace cronium::controller {

grpc::ServerUnaryReactor* CredentialServiceImpl::CreateCredential(
    grpc::CallbackServerContext* context, const v1::CreateCredentialRequest* request,
    v1::CreateCredentialResponse* response) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    cronium::controller::CreateCredential(services_, caller, *request,
                                          [response, done](absl::StatusOr<v1::Credential> made) {
                                            if (made.ok()) {
                                              *response->mutable_credential() = *std::move(made);
                                            }
                                            done(made.status());
                                          });
  };
  return HandleCall(services_, "/cronium.v1.CredentialService/CreateCredential", context, handler);
}

grpc::ServerUnaryReactor* CredentialServiceImpl::GetCredential(
    grpc::CallbackServerContext* context, const v1::GetCredentialRequest* request,
    v1::GetCredentialResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    absl::StatusOr<v1::Credential> credential = ReadCredential(services_, caller, request->name());
    if (credential.ok()) *response->mutable_credential() = *std::move(credential);
    return credential.status();
  };
  return HandleSimpleCall(services_, "/cronium.v1.CredentialService/GetCredential", context,
                          handler);
}

grpc::ServerUnaryReactor* CredentialServiceImpl::ListCredentials(
    grpc::CallbackServerContext* context, const v1::ListCredentialsRequest* request,
    v1::ListCredentialsResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    return cronium::controller::ListCredentials(services_, caller, *request, response);
  };
  return HandleSimpleCall(services_, "/cronium.v1.CredentialService/ListCredentials", context,
                          handler);
}

grpc::ServerUnaryReactor* CredentialServiceImpl::UpdateCredential(
    grpc::CallbackServerContext* context, const v1::UpdateCredentialRequest* request,
    v1::UpdateCredentialResponse* response) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    ChangeCredential(services_, caller, *request,
                     [response, done](absl::StatusOr<v1::Credential> made) {
                       if (made.ok()) {
                         *response->mutable_credential() = *std::move(made);
                       }
                       done(made.status());
                     });
  };
  return HandleCall(services_, "/cronium.v1.CredentialService/UpdateCredential", context, handler);
}

grpc::ServerUnaryReactor* CredentialServiceImpl::DeleteCredential(
    grpc::CallbackServerContext* context, const v1::DeleteCredentialRequest* request,
    v1::DeleteCredentialResponse*) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    RemoveCredential(services_, caller, request->name(), request->etag(), done);
  };
  return HandleCall(services_, "/cronium.v1.CredentialService/DeleteCredential", context, handler);
}

}  // namespace cronium::controller
