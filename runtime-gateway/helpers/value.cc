// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/value.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "runtime-gateway/helpers/api_client.h"
#include "runtime-gateway/helpers/json.h"

namespace cronium::gateway::helpers {
namespace {

std::string EncodeText(std::string_view argument, std::string text, std::string* json_string) {
  if (argument == "-" && text.ends_with('\n')) text.pop_back();
  if (!IsUtf8(text)) {
    return "the value is neither JSON nor text in UTF-8; encode binary data, with base64 say";
  }
  *json_string = EncodeJsonString(text);
  return "";
}

}  // namespace

std::string ReadArgument(std::string_view argument, std::string* text) {
  if (argument != "-") {
    *text = argument;
    return "";
  }
  text->clear();
  char buffer[65536];
  while (true) {
    const ssize_t length = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (length == 0) return "";
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return std::string("cannot read standard input: ") + strerror(errno);
    text->append(buffer, static_cast<size_t>(length));
    if (text->size() > kMaxRequestBodyBytes) return "standard input is larger than 8 MiB";
  }
}

std::string ReadValue(std::string_view argument, std::string* json) {
  std::string text;
  const std::string error = ReadArgument(argument, &text);
  if (!error.empty()) return error;
  if (!IsJson(text)) return EncodeText(argument, std::move(text), json);
  *json = std::move(text);
  return "";
}

std::string ReadText(std::string_view argument, std::string* json_string) {
  std::string text;
  const std::string error = ReadArgument(argument, &text);
  if (!error.empty()) return error;
  return EncodeText(argument, std::move(text), json_string);
}

std::string PrintValue(std::string_view json) {
  const std::optional<std::string> text = DecodeJsonString(json);
  return Print(text ? *text + "\n" : std::string(json) + "\n");
}

std::string Print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t length = write(STDOUT_FILENO, text.data(), text.size());
    if (length >= 0) {
      text.remove_prefix(static_cast<size_t>(length));
    } else if (errno != EINTR) {
      return std::string("cannot write to standard output: ") + strerror(errno);
    }
  }
  return "";
}

}  // namespace cronium::gateway::helpers
