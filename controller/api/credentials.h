// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_CREDENTIALS_H_
#define CRONIUM_CONTROLLER_API_CREDENTIALS_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "controller/api/call.h"
#include "cronium/v1/credential_service.pb.h"

// What CredentialService does, apart from gRPC. A caller of one namespace sees what is granted to
// it, and changes what is granted to no other.
namespace cronium::controller {

using CredentialDone = std::function<void(absl::StatusOr<v1::Credential>)>;

// The credential as this caller may see it, or CREDENTIAL_NOT_FOUND.
absl::StatusOr<v1::Credential> ReadCredential(const Services& services, const Caller& caller,
                                              const std::string& name);

absl::Status ListCredentials(const Services& services, const Caller& caller,
                             const v1::ListCredentialsRequest& request,
                             v1::ListCredentialsResponse* response);

// done runs once it is durable.
void CreateCredential(const Services& services, const Caller& caller,
                      const v1::CreateCredentialRequest& request, CredentialDone done);
void ChangeCredential(const Services& services, const Caller& caller,
                      const v1::UpdateCredentialRequest& request, CredentialDone done);
void RemoveCredential(const Services& services, const Caller& caller, const std::string& name,
                      const std::string& etag, Done done);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_CREDENTIALS_H_
