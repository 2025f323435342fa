// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_AUTH_SECRETS_H_
#define CRONIUM_CONTROLLER_AUTH_SECRETS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace cronium::controller {

// A new API token: `cronium_` and 40 base62 characters (238 bits). Shown once; only its hash is
// stored.
std::string NewApiToken();

// SHA-256 as lower-case hex. Tokens have enough entropy that neither salt nor slow hashing would
// add anything.
std::string HashSecret(absl::string_view secret);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_AUTH_SECRETS_H_
