// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_CREDENTIAL_CHOICE_H_
#define CRONIUM_CONTROLLER_ACTIONS_CREDENTIAL_CHOICE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "controller/core/store.h"

namespace cronium::controller {

struct CredentialWish {
  // The execution's.
  std::string name_space;
  // email, slack, discord or webhook.
  std::string tool;
  v1::CredentialKind kind = v1::CREDENTIAL_KIND_UNSPECIFIED;
  // params.credential.
  std::optional<std::string> name;
};

// The credential that an action uses: the named one, else the one that is named like the tool, else
// the only one of its kind that the namespace was granted. NOT_FOUND (CREDENTIAL_NOT_FOUND),
// PERMISSION_DENIED (CREDENTIAL_NOT_GRANTED), INVALID_ARGUMENT where it is of another kind,
// FAILED_PRECONDITION (CREDENTIAL_REQUIRED, CREDENTIAL_AMBIGUOUS); each says what to do.
absl::StatusOr<StoredCredential> ChooseCredential(Store* store, const CredentialWish& wish);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_CREDENTIAL_CHOICE_H_
