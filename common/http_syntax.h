// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_HTTP_SYNTAX_H_
#define CRONIUM_COMMON_HTTP_SYNTAX_H_

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

// What an HTTP request may be made of (RFC 9110): so that nobody's header ends early and another
// begins.
namespace cronium {

// A method or the name of a header.
inline bool IsHttpToken(absl::string_view text) {
  constexpr absl::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && text.size() <= 256 && std::all_of(text.begin(), text.end(), [&](char c) {
    return absl::ascii_isalnum(c) || kMarks.find(c) != absl::string_view::npos;
  });
}

// The value of a header: no line ends, no NUL, no other control characters but tabs.
inline bool IsHttpFieldValue(absl::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

// Headers that frame a message or name its receiver: who sends it sets them, not who asks for it.
inline bool IsReservedHttpHeader(absl::string_view name) {
  for (const absl::string_view reserved :
       {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer",
        "transfer-encoding", "upgrade"}) {
    if (absl::EqualsIgnoreCase(name, reserved)) return true;
  }
  return absl::StartsWithIgnoreCase(name, "proxy-");
}

// Whether sending a request twice is as good as once (RFC 9110, 9.2.2).
inline bool IsIdempotentMethod(absl::string_view method) {
  for (const absl::string_view idempotent : {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"}) {
    if (method == idempotent) return true;
  }
  return false;
}

}  // namespace cronium

#endif  // CRONIUM_COMMON_HTTP_SYNTAX_H_
