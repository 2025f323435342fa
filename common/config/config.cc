// SPDX-License-Identifier: Apache-2.0
#include "common/config/config.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace cronium {
namespace {

std::string UpperSnake(const std::string& name) {
  return absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}}));
}

bool IsGiven(const std::string& flag, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return false;
    if (argument == flag || absl::StartsWith(argument, absl::StrCat(flag, "="))) return true;
  }
  return false;
}

}  // namespace

void ApplyConfigRules(CLI::App* app, const std::string& component) {
  for (CLI::Option* option : app->get_options()) {
    const std::string name = option->get_single_name();
    if (name == "help" || name == "version" || !option->get_envname().empty()) continue;
    option->envname(absl::StrCat("CRONIUM_", UpperSnake(component), "_", UpperSnake(name)));
  }
  const std::string standard = absl::StrCat("/etc/cronium/", component, ".toml");
  app->set_config("--config", access(standard.c_str(), F_OK) == 0 ? standard : "",
                  absl::StrCat("Configuration file (", standard, " where it exists)"))
      ->envname(absl::StrCat("CRONIUM_", UpperSnake(component), "_CONFIG"));
  app->allow_config_extras(CLI::config_extras_mode::error);
}

std::vector<std::string> WithEnvironment(const CLI::App& app, int argc, const char* const* argv) {
  const std::vector<std::string> given(argv + 1, argv + argc);
  std::vector<std::string> arguments;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_envname().empty() || option->get_lnames().empty()) continue;
    const std::string flag = absl::StrCat("--", option->get_lnames().front());
    const char* value = std::getenv(option->get_envname().c_str());
    if (value == nullptr || *value == '\0' || IsGiven(flag, given)) continue;
    arguments.push_back(absl::StrCat(flag, "=", value));
  }
  arguments.insert(arguments.end(), given.begin(), given.end());
  return arguments;
}

}  // namespace cronium
