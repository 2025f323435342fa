// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/settings.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"

namespace cronium::cli {
namespace {

constexpr int64_t kMaxFileBytes = 64 << 10;

absl::Status CheckTokens(const SettingValues& values, absl::string_view place) {
  if (!values.token.has_value() || !values.token_file.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(place, ": has both a token and a token file: give one of them"));
}

std::string FirstOf(std::initializer_list<std::optional<std::string>> values,
                    const char* otherwise) {
  for (const auto& value : values) {
    if (value.has_value()) return *value;
  }
  return otherwise;
}

}  // namespace

std::string SettingsFilePath(const Environment& environment) {
  if (const auto path = environment("CRONIUM_CLI_CONFIG")) return *path;
  if (const auto folder = environment("XDG_CONFIG_HOME")) {
    return absl::StrCat(*folder, "/cronium/cli.toml");
  }
  if (const auto home = environment("HOME"))
    return absl::StrCat(*home, "/.config/cronium/cli.toml");
  return "";
}

absl::StatusOr<SettingValues> ParseSettingsFile(const std::string& path, const std::string& text) {
  std::vector<CLI::ConfigItem> items;
  try {
    std::istringstream input(text);
    items = CLI::ConfigTOML().from_config(input);
  } catch (const CLI::Error& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.what()));
  }
  SettingValues values;
  for (const CLI::ConfigItem& item : items) {
    const std::string key = item.fullname();
    if (item.inputs.size() != 1) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": ", key, ": needs one value"));
    }
    const std::string& value = item.inputs[0];
    if (key == "controller") {
      values.controller = value;
    } else if (key == "ca") {
      values.ca = value;
    } else if (key == "token") {
      values.token = value;
    } else if (key == "token-file") {
      values.token_file = value;
    } else if (key == "namespace") {
      values.name_space = value;
    } else if (key == "dev" && (value == "true" || value == "false")) {
      values.dev = value == "true";
    } else if (key == "dev") {
      return absl::InvalidArgumentError(absl::StrCat(path, ": dev: is true or false"));
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": ", key,
          ": no such key; there are controller, ca, token, token-file, namespace, dev"));
    }
  }
  return values;
}

SettingValues SettingsFromEnvironment(const Environment& environment) {
  SettingValues values;
  values.controller = environment("CRONIUM_CONTROLLER");
  values.ca = environment("CRONIUM_CA");
  values.token = environment("CRONIUM_TOKEN");
  values.token_file = environment("CRONIUM_TOKEN_FILE");
  values.name_space = environment("CRONIUM_NAMESPACE");
  return values;
}

absl::StatusOr<Settings> MergeSettings(const SettingValues& flags, const SettingValues& environment,
                                       const SettingValues& file) {
  Settings settings;
  settings.controller =
      FirstOf({flags.controller, environment.controller, file.controller}, kDefaultController);
  settings.ca = FirstOf({flags.ca, environment.ca, file.ca}, kDefaultCa);
  settings.name_space =
      FirstOf({flags.name_space, environment.name_space, file.name_space}, kDefaultNamespace);
  settings.dev = flags.dev.value_or(environment.dev.value_or(file.dev.value_or(false)));
  for (const auto& [values, place] :
       {std::pair{&flags, "flags"}, {&environment, "environment"}, {&file, "settings file"}}) {
    if (absl::Status status = CheckTokens(*values, place); !status.ok()) return status;
    if (!settings.token.empty() || !settings.token_file.empty()) continue;
    settings.token = values->token.value_or("");
    settings.token_file = values->token_file.value_or("");
  }
  // With dev, no token is asked for.
  if (settings.token.empty() && settings.token_file.empty() && !settings.dev) {
    settings.token_file = kDefaultTokenFile;
  }
  return settings;
}

absl::StatusOr<Settings> ResolveSettings(const SettingValues& flags,
                                         const Environment& environment) {
  SettingValues file;
  const std::string path = SettingsFilePath(environment);
  // The standard file may be missing; one that was named may not.
  if (!path.empty() &&
      (environment("CRONIUM_CLI_CONFIG").has_value() || access(path.c_str(), F_OK) == 0)) {
    const absl::StatusOr<std::string> text = ReadFile(path, kMaxFileBytes);
    if (!text.ok()) return text.status();
    absl::StatusOr<SettingValues> parsed = ParseSettingsFile(path, *text);
    if (!parsed.ok()) return parsed.status();
    file = *std::move(parsed);
  }
  return MergeSettings(flags, SettingsFromEnvironment(environment), file);
}

absl::StatusOr<std::string> LoadToken(const Settings& settings) {
  if (!settings.token.empty() || settings.token_file.empty()) return settings.token;
  const absl::StatusOr<std::string> text = ReadFile(settings.token_file, kMaxFileBytes);
  constexpr absl::string_view kNext =
      "give a token with --token-file, CRONIUM_TOKEN_FILE or CRONIUM_TOKEN";
  if (!text.ok()) {
    return absl::Status(text.status().code(), absl::StrCat(text.status().message(), "; ", kNext));
  }
  std::string token(absl::StripAsciiWhitespace(*text));
  for (const char c : token) {
    if (!absl::ascii_isgraph(c)) token.clear();
  }
  if (token.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(settings.token_file, ": holds no token; ", kNext));
  }
  return token;
}

}  // namespace cronium::cli
