// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HELPERS_VALUE_H_
#define CRONIUM_RUNTIME_GATEWAY_HELPERS_VALUE_H_

#include <string>
#include <string_view>

// Between a script's words and the API's JSON.
namespace cronium::gateway::helpers {

// An argument as given; of "-", all of standard input. An empty string on success, else what is
// wrong: the input cannot be read, or is larger than kMaxRequestBodyBytes.
std::string ReadArgument(std::string_view argument, std::string* text);

// A value to send: JSON as it is, anything else as a JSON string. One line end at the end of the
// latter, when it came from standard input, is left out: printing adds one, so that what one helper
// prints another takes back unchanged. An empty string on success, else what is wrong.
std::string ReadValue(std::string_view argument, std::string* json);

// Text to send as a string even if it is JSON; otherwise like ReadValue.
std::string ReadText(std::string_view argument, std::string* json_string);

// Writes a JSON value and a newline to standard output: a string as its characters, all else as its
// JSON. An empty string on success, else what is wrong.
std::string PrintValue(std::string_view json);

// Writes text as it is.
std::string Print(std::string_view text);

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_RUNTIME_GATEWAY_HELPERS_VALUE_H_
