// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_CONFIG_CONFIG_H_
#define CRONIUM_COMMON_CONFIG_CONFIG_H_

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

// How every process of ours is configured. One order, the first that has a value wins:
//   1. flags                --heartbeat-ms 1000
//   2. environment          CRONIUM_<COMPONENT>_HEARTBEAT_MS=1000
//   3. configuration file   heartbeat-ms = 1000     (TOML; --config FILE, else
//   /etc/cronium/<component>.toml where it exists)
//   4. the default that --help shows
// An unknown flag or key in the file is an error that names it.
namespace cronium {

// Sets the rules above on an app. Names each option's environment variable, so call it after all
// options were added.
//   component: `controller`, `agent`, `runtime-gateway`.
void ApplyConfigRules(CLI::App* app, const std::string& component);

// The arguments without the program's name, and before them, as flags, what the environment sets
// and no argument does: CLI11 itself would have the file win over the environment, and not look
// there for --config.
std::vector<std::string> WithEnvironment(const CLI::App& app, int argc, const char* const* argv);

// Parses; on bad input or --help prints what is to be said and returns the status to exit with,
// else -1. `validate` checks what options mean together: it returns an empty text or what is wrong,
// naming the option.
template <typename Validate>
int ParseConfig(CLI::App* app, int argc, char** argv, Validate validate) {
  try {
    std::vector<std::string> arguments = WithEnvironment(*app, argc, argv);
    std::reverse(arguments.begin(), arguments.end());  // the order in which CLI11 wants them
    app->parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app->exit(error);
  }
  const std::string wrong = validate();
  if (wrong.empty()) return -1;
  std::cerr << app->get_name() << ": " << wrong << "\nRun with --help for more information.\n";
  return 2;
}

}  // namespace cronium

#endif  // CRONIUM_COMMON_CONFIG_CONFIG_H_
