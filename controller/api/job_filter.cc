// SPDX-License-Identifier: Apache-2.0
#include "controller/api/job_filter.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/error.h"

namespace cronium::controller {
namespace {

constexpr int kMaxTerms = 16;

bool ParseTerm(absl::string_view term, JobQuery* query) {
  std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(term, absl::MaxSplits('=', 1));
  absl::string_view name = absl::StripAsciiWhitespace(parts.first);
  const std::string value(absl::StripAsciiWhitespace(parts.second));
  if (value.empty()) return false;
  if (name == "state") {
    v1::JobState state;
    if (!v1::JobState_Parse(absl::StrCat("JOB_STATE_", absl::AsciiStrToUpper(value)), &state)) {
      return false;
    }
    query->state = state;
    return true;
  }
  if (name == "node") {
    query->node = value;
    return true;
  }
  if (!absl::ConsumePrefix(&name, "label.") || name.empty()) return false;
  query->labels.emplace_back(std::string(name), value);
  return true;
}

}  // namespace

absl::Status ParseJobFilter(const std::string& filter, JobQuery* query) {
  if (absl::StripAsciiWhitespace(filter).empty()) return absl::OkStatus();
  Violations violations;
  int terms = 0;
  for (absl::string_view term : absl::StrSplit(filter, " AND ")) {
    if (++terms > kMaxTerms) {
      violations.Add("filter", absl::StrCat("has more than ", kMaxTerms, " terms"));
      break;
    }
    if (!ParseTerm(term, query)) {
      violations.Add("filter", absl::StrCat("\"", absl::StripAsciiWhitespace(term),
                                            "\" is not state=STATE, node=NAME or label.KEY=VALUE"));
    }
  }
  return violations.ToStatus();
}

}  // namespace cronium::controller
