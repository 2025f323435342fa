// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>

#include "runtime-gateway/helpers/command.h"
#include "runtime-gateway/helpers/json.h"
#include "runtime-gateway/helpers/text.h"
#include "runtime-gateway/helpers/value.h"

namespace cronium::gateway::helpers {
namespace {

constexpr size_t kMaxKeyBytes = 256;

// Checked here, too, so that a script's mistake is told at once and a key never alters the path.
std::string CheckKey(std::string_view key) {
  bool control = false;
  for (const char c : key) control |= static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  if (!key.empty() && key.size() <= kMaxKeyBytes && !control && IsUtf8(key)) return "";
  return "KEY must be 1 to 256 bytes of UTF-8 without control characters, not '" + OneLine(key) +
         "'";
}

// Calls `method` on the variable. `after` is what follows its key.
ApiResult CallVariable(ApiClient* api, const char* method, std::string_view key,
                       const char* after = "", std::optional<std::string> body = std::nullopt) {
  std::string error = CheckKey(key);
  if (!error.empty()) return {.error = std::move(error)};
  return api->Call({.method = method,
                    .path = ExecutionPath(*api, "/variables/") + PercentEncode(key) + after,
                    .body = std::move(body)});
}

Outcome Get(ApiClient* api, const Arguments& arguments) {
  const ApiResult result = CallVariable(api, "GET", arguments[0]);
  if (result.variable_not_found) return Success();
  return PrintMember(result, {"data", "value"});
}

Outcome Set(ApiClient* api, const Arguments& arguments) {
  std::string json;
  std::string error = CheckKey(arguments[0]);
  if (error.empty()) error = ReadValue(arguments[1], &json);
  if (!error.empty()) return Failure(error);
  return FailureIf(CallVariable(api, "PUT", arguments[0], "", "{\"value\":" + json + "}").error);
}

Outcome Delete(ApiClient* api, const Arguments& arguments) {
  const ApiResult result = CallVariable(api, "DELETE", arguments[0]);
  return result.variable_not_found ? Success() : FailureIf(result.error);
}

Outcome Exists(ApiClient* api, const Arguments& arguments) {
  const ApiResult result = CallVariable(api, "GET", arguments[0]);
  if (result.variable_not_found) return {.exit_code = 1, .error = ""};
  return FailureIf(result.error);
}

Outcome Increment(ApiClient* api, const Arguments& arguments) {
  const std::string_view by = arguments.size() > 1 ? arguments[1] : "1";
  if (!IsJsonNumber(by)) return Failure("N must be a number, not '" + OneLine(by) + "'");
  return PrintMember(
      CallVariable(api, "POST", arguments[0], "/increment", "{\"by\":" + std::string(by) + "}"),
      {"data", "value"});
}

Outcome Append(ApiClient* api, const Arguments& arguments) {
  std::string text;
  std::string separator;
  std::string error = CheckKey(arguments[0]);
  if (error.empty()) error = ReadText(arguments[1], &text);
  // Not read from standard input, so "-" is a separator like any other.
  const std::string_view given = arguments.size() > 2 ? arguments[2] : "";
  if (error.empty() && !IsUtf8(given)) error = "SEPARATOR is not text in UTF-8";
  if (!error.empty()) return Failure(error);
  separator = EncodeJsonString(given);
  return FailureIf(CallVariable(api, "POST", arguments[0], "/append",
                                "{\"text\":" + text + ",\"separator\":" + separator + "}")
                       .error);
}

}  // namespace

std::vector<Command> VariableCommands() {
  return {
      {"cronium_get_variable", "KEY",
       "Prints a variable's value: a string as its text, anything else as JSON; null as null.\n"
       "Prints nothing when the variable is not set.\n",
       1, 1, Get},
      {"cronium_set_variable", "KEY VALUE",
       "Sets a variable of the namespace. VALUE that is JSON is sent as JSON (so null is a "
       "value),\n"
       "anything else as a string. VALUE - reads standard input; of text, one line end at the\n"
       "end is left out. At most 1 MiB.\n",
       2, 2, Set},
      {"cronium_delete_variable", "KEY", "Deletes a variable. One that is not set is fine.\n", 1, 1,
       Delete},
      {"cronium_variable_exists", "KEY",
       "Exits with 0 when the variable is set, to null even; with 1 and no message when it is "
       "not.\n",
       1, 1, Exists},
      {"cronium_increment_variable", "KEY [N]",
       "Adds N, 1 if left out, to a variable that is a number, and prints its new value. Atomic: "
       "no\n"
       "other job's addition is lost. One that is not set counts as 0.\n",
       1, 2, Increment},
      {"cronium_append_variable", "KEY TEXT [SEPARATOR]",
       "Appends TEXT to a variable that is a string, after SEPARATOR if the variable is not "
       "empty.\n"
       "Atomic. TEXT - reads standard input.\n",
       2, 3, Append},
  };
}

}  // namespace cronium::gateway::helpers
