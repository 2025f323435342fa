// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/http/target.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cronium::gateway {
namespace {

int HexValue(char c) {
  if (absl::ascii_isdigit(c)) return c - '0';
  if (absl::ascii_isxdigit(c)) return absl::ascii_tolower(c) - 'a' + 10;
  return -1;
}

}  // namespace

Target SplitTarget(absl::string_view target) {
  for (const absl::string_view scheme : {"http://", "https://"}) {
    if (!absl::StartsWithIgnoreCase(target, scheme)) continue;
    const size_t slash = target.find('/', scheme.size());
    target = slash == absl::string_view::npos ? absl::string_view("/") : target.substr(slash);
    break;
  }
  const size_t question = target.find('?');
  if (question == absl::string_view::npos) return {target, absl::string_view()};
  return {target.substr(0, question), target.substr(question + 1)};
}

absl::StatusOr<std::string> PercentDecode(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return absl::InvalidArgumentError("holds a % that two hexadecimal digits do not follow");
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

absl::StatusOr<std::string> QueryParameter(absl::string_view query, absl::string_view name) {
  for (absl::string_view pair : absl::StrSplit(query, '&')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    if (parts.first != name) continue;
    std::string value(parts.second);
    std::replace(value.begin(), value.end(), '+', ' ');
    absl::StatusOr<std::string> decoded = PercentDecode(value);
    if (!decoded.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", decoded.status().message()));
    }
    return decoded;
  }
  return std::string();
}

}  // namespace cronium::gateway
