// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/redact.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_replace.h"
#include "common/json.h"

namespace cronium::controller {
namespace {
constexpr size_t kMinBytes = 6;
}

std::string Redact(absl::string_view text, const std::vector<std::string>& secrets) {
  std::vector<std::string> forms;
  for (const std::string& secret : secrets) {
    if (secret.size() < kMinBytes) continue;
    forms.push_back(secret);
    std::string escaped = QuoteJson(secret);
    escaped = escaped.substr(1, escaped.size() - 2);
    // Some escape the slash as well.
    forms.push_back(absl::StrReplaceAll(escaped, {{"/", "\\/"}}));
    forms.push_back(std::move(escaped));
  }
  // The longest first, so that none is left half.
  std::sort(forms.begin(), forms.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  std::string out(text);
  for (const std::string& form : forms) out = absl::StrReplaceAll(out, {{form, "***"}});
  return out;
}

}  // namespace cronium::controller
