// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_JSON_H_
#define CRONIUM_COMMON_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cronium {

inline constexpr int kMaxJsonDepth = 512;

// OK where text is one JSON value (RFC 8259, UTF-8) nested at most kMaxJsonDepth deep; else
// INVALID_ARGUMENT that says where and why. The text itself is what is stored and passed on, so
// that digits and key order are kept.
absl::Status ValidateJson(absl::string_view text);

// text as a JSON string with its quotes.
std::string QuoteJson(absl::string_view text);

// Whether text is well-formed UTF-8.
bool IsUtf8(absl::string_view text);

// text with each byte that is not part of well-formed UTF-8 replaced by U+FFFD.
std::string ToUtf8Lossy(absl::string_view text);

}  // namespace cronium

#endif  // CRONIUM_COMMON_JSON_H_
