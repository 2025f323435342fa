// SPDX-License-Identifier: Apache-2.0
#include "common/config/config.h"

#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace cronium {
namespace {

std::string UpperSnake(const std::string& name) {
  return absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}}));
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

}  // namespace cronium
