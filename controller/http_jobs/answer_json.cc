// SPDX-License-Identifier: Apache-2.0
#include "controller/http_jobs/answer_json.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxJsonHeaderBytes = 32 << 10;

std::string HeadersJson(const HttpHeaders& headers) {
  std::vector<std::pair<std::string, std::string>> joined;
  size_t bytes = 0;
  for (const auto& [name, value] : headers) {
    bytes += name.size() + value.size();
    if (bytes > kMaxJsonHeaderBytes) break;
    const std::string key = absl::AsciiStrToLower(name);
    const auto it = std::find_if(joined.begin(), joined.end(),
                                 [&](const auto& known) { return known.first == key; });
    if (it == joined.end()) {
      joined.emplace_back(key, value);
    } else {
      absl::StrAppend(&it->second, ", ", value);
    }
  }
  std::string json = "{";
  for (const auto& [name, value] : joined) {
    absl::StrAppend(&json, json.size() > 1 ? "," : "", QuoteJson(ToUtf8Lossy(name)), ":",
                    QuoteJson(ToUtf8Lossy(value)));
  }
  return json + "}";
}

// Without the character that the end of text cuts, if it does.
absl::string_view WholeCharacters(absl::string_view text) {
  for (size_t n = 1; n <= std::min<size_t>(4, text.size()); ++n) {
    const auto byte = static_cast<unsigned char>(text[text.size() - n]);
    if ((byte & 0xC0) == 0x80) continue;
    const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > n ? text.substr(0, text.size() - n) : text;
  }
  return text;
}

}  // namespace

std::string AnswerJson(const HttpResponse& response, int tries) {
  const bool truncated = response.body_cut || response.body.size() > kMaxJsonBodyBytes;
  absl::string_view front = absl::string_view(response.body).substr(0, kMaxJsonBodyBytes);
  if (truncated && IsUtf8(WholeCharacters(front))) front = WholeCharacters(front);
  const std::string body =
      IsUtf8(front) ? absl::StrCat("\"body\":", QuoteJson(front))
                    : absl::StrCat("\"body_base64\":\"", absl::Base64Escape(front), "\"");
  return absl::StrCat("{\"status\":", response.status,
                      ",\"headers\":", HeadersJson(response.headers), ",", body,
                      ",\"body_truncated\":", truncated ? "true" : "false",
                      ",\"response_truncated\":", response.body_cut ? "true" : "false",
                      ",\"url\":", QuoteJson(response.url), ",\"tries\":", tries, "}");
}

}  // namespace cronium::controller
