// SPDX-License-Identifier: Apache-2.0
#include "controller/api/page_token.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "controller/auth/secrets.h"

namespace cronium::controller {
namespace {

constexpr size_t kDigestLength = 12;

std::string Digest(absl::string_view query) { return HashSecret(query).substr(0, kDigestLength); }

}  // namespace

std::string MakePageToken(absl::string_view query, absl::string_view position) {
  return absl::WebSafeBase64Escape(absl::StrCat(Digest(query), position));
}

absl::StatusOr<std::string> ReadPageToken(absl::string_view query, const std::string& token) {
  if (token.empty()) return std::string();
  std::string text;
  if (absl::WebSafeBase64Unescape(token, &text) && text.size() > kDigestLength &&
      absl::string_view(text).substr(0, kDigestLength) == Digest(query)) {
    return text.substr(kDigestLength);
  }
  return NotAPageToken();
}

absl::Status NotAPageToken() {
  Violations violations;
  violations.Add("page_token", "is not the next_page_token of the same list with the same filter");
  return violations.ToStatus();
}

}  // namespace cronium::controller
