// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_SETTINGS_H_
#define CRONIUM_TOOLS_CRONIUM_SETTINGS_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

// Which controller, and as whom. For each value the first place that has it wins:
//   1. flags                --controller, --ca, --token, --token-file, --namespace, --dev
//   2. environment          CRONIUM_CONTROLLER, CRONIUM_CA, CRONIUM_TOKEN, CRONIUM_TOKEN_FILE,
//   CRONIUM_NAMESPACE
//   3. file                 controller, ca, token, token-file, namespace, dev in
//   ~/.config/cronium/cli.toml
//   4. defaults             what `cronium-controller init` made on this host
// token and token-file are one value: the first place that has either wins.
namespace cronium::cli {

inline constexpr char kDefaultController[] = "localhost:7443";
inline constexpr char kDefaultCa[] = "/var/lib/cronium/controller/ca.crt";
inline constexpr char kDefaultTokenFile[] = "/var/lib/cronium/controller/admin.token";
inline constexpr char kDefaultNamespace[] = "default";

// What one place says; unset where it says nothing.
struct SettingValues {
  std::optional<std::string> controller;
  std::optional<std::string> ca;
  std::optional<std::string> token;
  std::optional<std::string> token_file;
  std::optional<std::string> name_space;
  std::optional<bool> dev;
};

struct Settings {
  std::string controller;
  std::string ca;
  // Empty where it comes from token_file.
  std::string token;
  std::string token_file;
  std::string name_space;
  bool dev = false;
};

// Value of an environment variable; none where it is unset or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;

// CRONIUM_CLI_CONFIG, else cronium/cli.toml in XDG_CONFIG_HOME or ~/.config; empty where none of
// these is set.
std::string SettingsFilePath(const Environment& environment);

// INVALID_ARGUMENT where the text is not TOML or has a key that is none of ours. `path` is for the
// message.
absl::StatusOr<SettingValues> ParseSettingsFile(const std::string& path, const std::string& text);

SettingValues SettingsFromEnvironment(const Environment& environment);

// INVALID_ARGUMENT where one place gives both token and token-file.
absl::StatusOr<Settings> MergeSettings(const SettingValues& flags, const SettingValues& environment,
                                       const SettingValues& file);

// All four places: reads the file where there is one.
absl::StatusOr<Settings> ResolveSettings(const SettingValues& flags,
                                         const Environment& environment);

// The token itself, read from its file where it is there. Empty only with dev, where the controller
// asks for none.
absl::StatusOr<std::string> LoadToken(const Settings& settings);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_SETTINGS_H_
