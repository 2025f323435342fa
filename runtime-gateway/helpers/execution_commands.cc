// SPDX-License-Identifier: Apache-2.0
// Input, output, condition, and what the execution is.
#include <cstdlib>
#include <optional>
#include <string>

#include "runtime-gateway/helpers/command.h"
#include "runtime-gateway/helpers/json.h"
#include "runtime-gateway/helpers/text.h"
#include "runtime-gateway/helpers/value.h"

namespace cronium::gateway::helpers {
namespace {

constexpr int64_t kHealthTimeoutMs = 5'000;

Outcome Input(ApiClient* api, const Arguments& arguments) {
  return PrintMember(api->Call({.method = "GET", .path = ExecutionPath(*api, "/input")}), {"data"});
}

Outcome Output(ApiClient* api, const Arguments& arguments) {
  std::string json;
  std::string error = ReadValue(arguments.empty() ? "-" : arguments[0], &json);
  if (!error.empty()) return Failure(error);
  return FailureIf(api->Call({.method = "POST",
                              .path = ExecutionPath(*api, "/output"),
                              .body = "{\"data\":" + json + "}"})
                       .error);
}

std::optional<bool> ParseCondition(std::string_view text) {
  const std::string word = ToLower(text);
  if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "0" || word == "no" || word == "off") return false;
  return std::nullopt;
}

Outcome SetCondition(ApiClient* api, const Arguments& arguments) {
  const std::optional<bool> condition = ParseCondition(arguments[0]);
  if (!condition) {
    return Failure("VALUE must be true, 1, yes or on; or false, 0, no or off; not '" +
                   OneLine(arguments[0]) + "'");
  }
  return FailureIf(
      api->Call({.method = "POST",
                 .path = ExecutionPath(*api, "/condition"),
                 .body = *condition ? "{\"condition\":true}" : "{\"condition\":false}"})
          .error);
}

Outcome Event(ApiClient* api, const Arguments& arguments) {
  return PrintMember(api->Call({.method = "GET", .path = ExecutionPath(*api, "/context")}),
                     {"data"});
}

Outcome EventField(ApiClient* api, const Arguments& arguments) {
  std::vector<std::string_view> path = {"data"};
  std::string_view rest = arguments[0];
  while (true) {
    const size_t dot = rest.find('.');
    path.push_back(rest.substr(0, dot));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  return PrintMember(api->Call({.method = "GET", .path = ExecutionPath(*api, "/context")}), path);
}

Outcome Info(ApiClient* api, const Arguments& arguments) {
  const Settings& settings = api->settings();
  const std::string failure = api->CheckHealth(kHealthTimeoutMs);
  std::string text = "Cronium helper " CRONIUM_VERSION "\n";
  text += "API: " + settings.endpoint.name +
          (failure.empty() ? " (reachable)" : " (not reachable: " + failure + ")") + "\n";
  text += "Execution ID: " + OneLine(settings.execution_id) + "\n";
  constexpr struct {
    const char* label;
    const char* variable;
  } kRest[] = {{"Job ID", "CRONIUM_JOB_ID"},       {"Job type", "CRONIUM_JOB_TYPE"},
               {"Event ID", "CRONIUM_EVENT_ID"},   {"Attempt", "CRONIUM_ATTEMPT"},
               {"Namespace", "CRONIUM_NAMESPACE"}, {"Node", "CRONIUM_NODE"}};
  for (const auto& [label, variable] : kRest) {
    const char* value = getenv(variable);
    if (value != nullptr && *value != '\0')
      text += std::string(label) + ": " + OneLine(value) + "\n";
  }
  return FailureIf(Print(text + "Token: set, not shown\n"));
}

}  // namespace

std::vector<Command> ExecutionCommands() {
  return {
      {"cronium_input", "",
       "Prints the execution's input: a string as its text, anything else as JSON.\n", 0, 0, Input},
      {"cronium_output", "[DATA]",
       "Sets the execution's output to DATA, or to standard input when DATA is - or left out.\n"
       "DATA that is JSON is sent as JSON, anything else as a string. At most 8 MiB.\n",
       0, 1, Output},
      {"cronium_set_condition", "VALUE",
       "Sets the condition that decides which way a workflow goes on.\n"
       "VALUE: true, 1, yes or on; false, 0, no or off.\n",
       1, 1, SetCondition},
      {"cronium_event", "", "Prints what is known of this execution's event, as JSON.\n", 0, 0,
       Event},
      {"cronium_event_field", "FIELD",
       "Prints one field of what cronium_event prints, or nothing when there is none.\n"
       "A dot leads into an object or an array: metadata.owner, metadata.tags.0\n",
       1, 1, EventField},
      {"cronium_info", "",
       "Prints what this job's helpers go by, and whether the runtime API can be reached.\n"
       "Never the token.\n",
       0, 0, Info},
  };
}

}  // namespace cronium::gateway::helpers
