// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_CREDENTIAL_RULES_H_
#define CRONIUM_CONTROLLER_ACTIONS_CREDENTIAL_RULES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/error.h"
#include "controller/core/store.h"
#include "controller/secrets/sealer.h"
#include "cronium/v1/credential.pb.h"

// What a credential may be, and how it is kept. Pure.
namespace cronium::controller {

// UNSPECIFIED where the secret is of no kind.
v1::CredentialKind KindOf(const v1::CredentialSecret& secret);
// `smtp`.
absl::string_view KindName(v1::CredentialKind kind);

// Adds what is wrong with the secret, as `secret.smtp.host`.
void CheckSecret(const v1::CredentialSecret& secret, Violations* violations);

// Credential.target: host and port.
std::string TargetOf(const v1::CredentialSecret& secret);

// The secret as the database keeps it: sealed for this credential's name, kind and namespaces, so
// that whoever writes to the database can neither move it nor grant it to others.
absl::StatusOr<std::string> SealSecret(const Sealer& sealer, const v1::Credential& credential,
                                       const v1::CredentialSecret& secret);
// SECRETS_KEY_MISSING, SECRET_DAMAGED.
absl::StatusOr<v1::CredentialSecret> OpenSecret(const Sealer& sealer,
                                                const StoredCredential& stored);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_CREDENTIAL_RULES_H_
