// SPDX-License-Identifier: Apache-2.0
#include "controller/auth/rate_limits.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/ids.h"

namespace cronium::controller {
namespace {

constexpr int64_t kMost = 1'000'000'000;

}  // namespace

absl::StatusOr<RateLimits> RateLimits::Parse(absl::string_view text) {
  RateLimits limits;
  if (absl::StripAsciiWhitespace(text).empty()) return limits;
  for (absl::string_view element : absl::StrSplit(text, ',')) {
    element = absl::StripAsciiWhitespace(element);
    const size_t equals = element.find('=');
    const bool named = equals != absl::string_view::npos;
    const std::string name(named ? element.substr(0, equals) : "");
    int64_t limit = 0;
    if (!absl::SimpleAtoi(named ? element.substr(equals + 1) : element, &limit) || limit < 0 ||
        limit > kMost || (named && !IsName(name))) {
      return absl::InvalidArgumentError(absl::StrCat("\"", element,
                                                     "\" is neither N nor NAMESPACE=N, with N from "
                                                     "0 to ",
                                                     kMost));
    }
    const bool first = named ? limits.by_namespace.emplace(name, limit).second
                             : !std::exchange(limits.others, limit).has_value();
    if (!first) {
      return absl::InvalidArgumentError(
          absl::StrCat(named ? name : "a number alone", " is there twice"));
    }
  }
  return limits;
}

std::optional<int64_t> RateLimits::Of(const std::string& name_space) const {
  const auto found = by_namespace.find(name_space);
  return found == by_namespace.end() ? others : found->second;
}

}  // namespace cronium::controller
