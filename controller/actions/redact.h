// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_REDACT_H_
#define CRONIUM_CONTROLLER_ACTIONS_REDACT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cronium::controller {

// text with `***` for each secret, as it is or escaped for JSON: what comes back from outside may
// repeat what was sent there. Secrets of fewer than 6 bytes are left: they would be found in
// everything.
std::string Redact(absl::string_view text, const std::vector<std::string>& secrets);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_REDACT_H_
