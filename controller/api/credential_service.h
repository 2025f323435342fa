// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_CREDENTIAL_SERVICE_H_
#define CRONIUM_CONTROLLER_API_CREDENTIAL_SERVICE_H_

#include "controller/api/call.h"
#include "cronium/v1/credential_service.grpc.pb.h"

namespace cronium::controller {

// Thread-safe.
class CredentialServiceImpl : public v1::CredentialService::CallbackService {
 public:
  explicit CredentialServiceImpl(const Services* services) : services_(*services) {}

  grpc::ServerUnaryReactor* CreateCredential(grpc::CallbackServerContext* context,
                                             const v1::CreateCredentialRequest* request,
                                             v1::CreateCredentialResponse* response) override;
  grpc::ServerUnaryReactor* GetCredential(grpc::CallbackServerContext* context,
                                          const v1::GetCredentialRequest* request,
                                          v1::GetCredentialResponse* response) override;
  grpc::ServerUnaryReactor* ListCredentials(grpc::CallbackServerContext* context,
                                            const v1::ListCredentialsRequest* request,
                                            v1::ListCredentialsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateCredential(grpc::CallbackServerContext* context,
                                             const v1::UpdateCredentialRequest* request,
                                             v1::UpdateCredentialResponse* response) override;
  grpc::ServerUnaryReactor* DeleteCredential(grpc::CallbackServerContext* context,
                                             const v1::DeleteCredentialRequest* request,
                                             v1::DeleteCredentialResponse* response) override;

 private:
  const Services& services_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_CREDENTIAL_SERVICE_H_
