// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HELPERS_COMMAND_H_
#define CRONIUM_RUNTIME_GATEWAY_HELPERS_COMMAND_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime-gateway/helpers/api_client.h"

namespace cronium::gateway::helpers {

// How a command ended: with what exit code, and with which line on standard error if it failed.
struct Outcome {
  int exit_code = 0;
  std::string error;
};

inline Outcome Success() { return {}; }
inline Outcome Failure(std::string error) { return {1, std::move(error)}; }
// Success where `error` is empty.
inline Outcome FailureIf(std::string error) {
  return error.empty() ? Success() : Failure(std::move(error));
}

using Arguments = std::vector<std::string_view>;

// One cronium_* name. The tables of them are constant data.
struct Command {
  const char* name;
  const char* usage;  // what follows the name
  const char* help;   // whole lines
  size_t min_arguments;
  size_t max_arguments;  // options of a command that has some are among them
  Outcome (*run)(ApiClient* api, const Arguments& arguments);
};

// More than any command takes with all of its options.
constexpr size_t kManyArguments = 16;

// The tables, each in a file of its own.
std::vector<Command> ExecutionCommands();
std::vector<Command> VariableCommands();
std::vector<Command> ToolCommands();

// "/executions/ID" + `rest`.
std::string ExecutionPath(const ApiClient& api, std::string_view rest);

// Prints the value at `path` of a response; nothing when there is none.
Outcome PrintMember(const ApiResult& result, const std::vector<std::string_view>& path);

// Runs what `arguments` ask for, where the first is the name the program was called by, and returns
// the exit code. Its own name takes a command's name as its first argument.
int RunCommand(const Arguments& arguments);

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_RUNTIME_GATEWAY_HELPERS_COMMAND_H_
