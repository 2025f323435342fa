// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/command.h"

#include <unistd.h>

#include <optional>

#include "runtime-gateway/helpers/json.h"
#include "runtime-gateway/helpers/settings.h"
#include "runtime-gateway/helpers/text.h"
#include "runtime-gateway/helpers/value.h"

namespace cronium::gateway::helpers {
namespace {

constexpr std::string_view kOwnName = "cronium-helper";
constexpr std::string_view kPrefix = "cronium_";

std::vector<Command> AllCommands() {
  std::vector<Command> all = ExecutionCommands();
  for (const auto& table : {VariableCommands(), ToolCommands()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  return all;
}

const Command* Find(const std::vector<Command>& commands, std::string_view name) {
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  for (const Command& command : commands) {
    if (name == std::string_view(command.name).substr(kPrefix.size())) return &command;
  }
  return nullptr;
}

std::string UsageOf(const Command& command) {
  const std::string_view usage = command.usage;
  return std::string(command.name) + (usage.empty() ? "" : " ") + std::string(usage);
}

// One write, so that lines of processes that fail at once do not mix.
int Fail(std::string_view name, std::string_view message) {
  const std::string line = std::string(name) + ": " + std::string(message) + "\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  return 1;
}

int PrintOverview(const std::vector<Command>& commands) {
  std::string text =
      "Usage: cronium_NAME [ARGUMENT...], or cronium-helper NAME [ARGUMENT...]\n\n"
      "What a job's script uses to read its input, set its output, share variables and call\n"
      "tools. Each name takes --help.\n\n";
  for (const Command& command : commands) text += "  " + UsageOf(command) + "\n";
  return Print(text).empty() ? 0 : 1;
}

int PrintHelp(const Command& command) {
  return Print("Usage: " + UsageOf(command) + "\n\n" + command.help).empty() ? 0 : 1;
}

int Run(const Command& command, Arguments arguments) {
  if (arguments.size() == 1 && arguments[0] == "--help") return PrintHelp(command);
  if (!arguments.empty() && arguments[0] == "--") arguments.erase(arguments.begin());
  if (arguments.size() < command.min_arguments || arguments.size() > command.max_arguments) {
    return Fail(command.name, "usage: " + UsageOf(command));
  }
  Settings settings;
  const std::string error = ReadSettings(&settings);
  if (!error.empty()) return Fail(command.name, error);
  ApiClient api(settings);
  const Outcome outcome = command.run(&api, arguments);
  return outcome.error.empty() ? outcome.exit_code : Fail(command.name, outcome.error);
}

}  // namespace

std::string ExecutionPath(const ApiClient& api, std::string_view rest) {
  return "/executions/" + PercentEncode(api.settings().execution_id) + std::string(rest);
}

Outcome PrintMember(const ApiResult& result, const std::vector<std::string_view>& path) {
  if (!result.error.empty()) return Failure(result.error);
  const std::optional<std::string_view> value = FindJson(result.body, path);
  if (value) return FailureIf(PrintValue(*value));
  return IsJson(result.body) ? Success() : Failure("the runtime API's answer is not JSON");
}

int RunCommand(const Arguments& arguments) {
  const std::vector<Command> commands = AllCommands();
  std::string_view name = arguments.empty() ? kOwnName : arguments[0];
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  size_t used = 1;
  if (name == kOwnName) {
    if (arguments.size() < 2 || arguments[1] == "--help") return PrintOverview(commands);
    if (arguments[1] == "--version") {
      return Print("cronium-helper " CRONIUM_VERSION "\n").empty() ? 0 : 1;
    }
    name = arguments[1];
    used = 2;
  }
  const Command* command = Find(commands, name);
  if (command == nullptr) return Fail(kOwnName, "there is no helper named " + OneLine(name));
  return Run(*command, Arguments(arguments.begin() + used, arguments.end()));
}

}  // namespace cronium::gateway::helpers
