// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_CREDENTIALS_COMMANDS_H_
#define CRONIUM_TOOLS_CRONIUM_CREDENTIALS_COMMANDS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cronium/v1/credential.pb.h"
#include "tools/cronium/command.h"

namespace CLI {
class App;
}

namespace cronium::cli {

// A secret of this kind (smtp, slack, discord, webhook) from its JSON: the fields of SmtpSecret and
// so on, `security` as starttls, tls or none. Errors name fields, and never repeat what was given.
absl::StatusOr<v1::CredentialSecret> ParseSecret(absl::string_view kind, absl::string_view json);

// `cronium credentials create|list|get|update|delete`.
void AddCredentialsCommands(CLI::App* app, Command* chosen);
// `cronium audit list`.
void AddAuditCommands(CLI::App* app, Command* chosen);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_CREDENTIALS_COMMANDS_H_
