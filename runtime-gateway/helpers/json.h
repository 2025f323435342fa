// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HELPERS_JSON_H_
#define CRONIUM_RUNTIME_GATEWAY_HELPERS_JSON_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Reads JSON where it lies. Values are never turned into numbers or objects of ours: a value is the
// text that stands for it, so that no digit, key or order is lost on the way.
namespace cronium::gateway::helpers {

// Objects and arrays within one another. Deeper text is not taken for JSON.
constexpr int kMaxJsonDepth = 128;

// Whether `text` is one JSON value of RFC 8259, with or without white space around it: strict
// numbers, no trailing commas, strings in UTF-8.
bool IsJson(std::string_view text);
bool IsJsonNumber(std::string_view text);
bool IsJsonObject(std::string_view text);
bool IsUtf8(std::string_view text);

// The value that `path` leads to: each step is an object's key (of repeated ones the last) or an
// array's index. Nothing when there is no such value, or when `text` is not JSON.
std::optional<std::string_view> FindJson(std::string_view text,
                                         const std::vector<std::string_view>& path);

// What a JSON string stands for, in UTF-8: half of a surrogate pair becomes U+FFFD. Nothing for
// what is not a JSON string.
std::optional<std::string> DecodeJsonString(std::string_view text);

// `text`, which must be UTF-8, as a JSON string.
std::string EncodeJsonString(std::string_view text);

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_RUNTIME_GATEWAY_HELPERS_JSON_H_
