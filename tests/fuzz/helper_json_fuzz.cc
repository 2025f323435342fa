// SPDX-License-Identifier: Apache-2.0
// The helpers' JSON scanner, against a second parser and against itself.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "runtime-gateway/helpers/json.h"
#include "tests/fuzz/input.h"

namespace cronium::gateway::helpers {
namespace {

using fuzz::Require;
using Json = nlohmann::json;

// What the two parsers differ on: the scanner has a limit of depth, takes numbers of any size, and
// halves of surrogate pairs, as RFC 8259 does; the other one passes over a byte order mark and ends
// at a zero byte.
bool Comparable(std::string_view text) {
  if (text.find('\0') != std::string_view::npos || text.starts_with("\xEF\xBB\xBF")) return false;
  int open = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    open += text[i] == '[' || text[i] == '{' ? 1 : 0;
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("\\ud") || rest.starts_with("\\uD")) return false;
  }
  return open <= kMaxJsonDepth;
}

void CheckVerdict(std::string_view text) {
  if (!Comparable(text)) return;
  try {
    const Json parsed = Json::parse(text);
    Require(IsJson(text), "what the other parser takes is JSON", text);
    Require(IsJsonNumber(text) == parsed.is_number(), "the same numbers", text);
    Require(IsJsonObject(text) == parsed.is_object(), "the same objects", text);
  } catch (const Json::out_of_range&) {
    // It stops at a number past its range, whatever follows.
  } catch (const Json::exception&) {
    Require(!IsJson(text), "what the other parser refuses is no JSON", text);
  }
}

void CheckString(std::string_view text) {
  const std::optional<std::string> decoded = DecodeJsonString(text);
  if (!decoded.has_value()) return;
  Require(IsUtf8(*decoded), "a decoded string is UTF-8", text);
  const std::string again = EncodeJsonString(*decoded);
  Require(DecodeJsonString(again) == *decoded, "a string survives encoding", text);
  Require(Json::parse(again).get<std::string>() == *decoded, "and means the same to others", text);
}

// Values come out as the slices that they are.
void CheckMembers(std::string_view text) {
  for (const char* name : {"data", "value", "a", ""}) {
    const auto value = FindJson(text, {name});
    if (!value.has_value()) continue;
    Require(
        value->data() >= text.data() && value->data() + value->size() <= text.data() + text.size(),
        "a value is a slice of its text", text);
    Require(IsJson(*value), "a value is JSON", text);
    CheckString(*value);
    (void)FindJson(text, {name, "0", "value"});
  }
}

}  // namespace
}  // namespace cronium::gateway::helpers

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cronium::gateway::helpers;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckVerdict(text);
  CheckString(text);
  CheckMembers(text);
  if (IsUtf8(text)) {
    cronium::fuzz::Require(DecodeJsonString(EncodeJsonString(text)) == text,
                           "any text survives encoding and decoding", text);
  }
  return 0;
}
