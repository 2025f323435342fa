// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_VARIABLES_COMMANDS_H_
#define CRONIUM_TOOLS_CRONIUM_VARIABLES_COMMANDS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/cronium/command.h"

namespace CLI {
class App;
}

namespace cronium::cli {

// A value as it was typed, as JSON text: JSON stays as it is, anything else (and all, with
// as_string) becomes a string.
absl::StatusOr<std::string> ValueToJson(absl::string_view typed, bool as_string);

// `cronium variables get|set|list|delete`. Returns the `set` command, whose words follow its
// options (CommandContext::words).
CLI::App* AddVariablesCommands(CLI::App* app, Command* chosen);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_VARIABLES_COMMANDS_H_
