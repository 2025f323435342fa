// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_STATUS_RANGES_H_
#define CRONIUM_CONTROLLER_CORE_STATUS_RANGES_H_

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cronium::controller {

// HTTP statuses as a spec writes them: `200-299,404`.
class StatusRanges {
 public:
  // INVALID_ARGUMENT that says what is wrong. An empty text has no status in it.
  static absl::StatusOr<StatusRanges> Parse(absl::string_view text) {
    StatusRanges ranges;
    for (const absl::string_view word : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
      const std::vector<absl::string_view> ends = absl::StrSplit(word, absl::MaxSplits('-', 1));
      int low = 0;
      int high = 0;
      if (!ParseOne(ends.front(), &low) || !ParseOne(ends.back(), &high) || low > high) {
        return absl::InvalidArgumentError(
            absl::StrCat("\"", absl::StripAsciiWhitespace(word),
                         "\" is neither a status (404) nor a range of them (200-299)"));
      }
      ranges.ranges_.emplace_back(low, high);
    }
    return ranges;
  }

  bool Contains(int status) const {
    return std::any_of(ranges_.begin(), ranges_.end(), [status](const auto& range) {
      return status >= range.first && status <= range.second;
    });
  }
  bool empty() const { return ranges_.empty(); }

 private:
  static bool ParseOne(absl::string_view text, int* status) {
    return absl::SimpleAtoi(absl::StripAsciiWhitespace(text), status) && *status >= 100 &&
           *status <= 599;
  }

  std::vector<std::pair<int, int>> ranges_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_STATUS_RANGES_H_
