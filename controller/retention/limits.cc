// SPDX-License-Identifier: Apache-2.0
#include "controller/retention/limits.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/ids.h"

namespace cronium::controller {
namespace {

constexpr char kAll[] = "*";
constexpr char kNone[] = "none";

std::optional<int64_t> ParseNumber(absl::string_view text) {
  int64_t value = 0;
  if (text == kNone) return RetentionLimits::kNoLimit;
  if (!absl::SimpleAtoi(text, &value) || value < 0) return std::nullopt;
  return value;
}

std::optional<int64_t> ParseBytes(absl::string_view text) {
  static constexpr std::pair<absl::string_view, int> kUnits[] = {
      {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  for (const auto& [unit, shift] : kUnits) {
    if (!absl::ConsumeSuffix(&text, unit)) continue;
    const std::optional<int64_t> value = ParseNumber(text);
    if (!value.has_value() || *value > (RetentionLimits::kNoLimit >> shift)) return std::nullopt;
    return *value << shift;
  }
  return ParseNumber(text);
}

std::optional<absl::Duration> ParseAge(absl::string_view text) {
  if (text == kNone) return absl::InfiniteDuration();
  absl::Duration age;
  if (absl::ConsumeSuffix(&text, "d")) {
    const std::optional<int64_t> days = ParseNumber(text);
    if (!days.has_value() || *days > 36'500) return std::nullopt;
    return *days * absl::Hours(24);
  }
  if (!absl::ParseDuration(text, &age) || age < absl::ZeroDuration()) return std::nullopt;
  return age;
}

template <typename T>
bool StoreInto(const std::optional<T>& value, T* out) {
  if (value.has_value()) *out = *value;
  return value.has_value();
}

// False where the value is not of its kind.
bool SetLimit(absl::string_view name, absl::string_view value, RetentionLimits* limits,
              bool* known) {
  *known = true;
  if (name == "job-age") return StoreInto(ParseAge(value), &limits->job_age);
  if (name == "jobs") return StoreInto(ParseNumber(value), &limits->jobs);
  if (name == "job-bytes") return StoreInto(ParseBytes(value), &limits->job_bytes);
  if (name == "log-age") return StoreInto(ParseAge(value), &limits->log_age);
  if (name == "log-bytes") return StoreInto(ParseBytes(value), &limits->log_bytes);
  *known = false;
  return false;
}

absl::Status ApplySettings(absl::string_view settings, RetentionLimits* limits) {
  for (const absl::string_view setting : absl::StrSplit(settings, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(setting, absl::MaxSplits('=', 1));
    bool known = false;
    if (SetLimit(parts.first, parts.second, limits, &known)) continue;
    return absl::InvalidArgumentError(
        known
            ? absl::StrCat("\"", parts.second, "\" is no value for ", parts.first,
                           ": give an age as 30d or 12h, bytes as 10GiB, a count as 1000, or none")
            : absl::StrCat("\"", parts.first,
                           "\" is none of job-age, jobs, job-bytes, log-age, log-bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

bool RetentionLimits::operator==(const RetentionLimits& other) const {
  return job_age == other.job_age && jobs == other.jobs && job_bytes == other.job_bytes &&
         log_age == other.log_age && log_bytes == other.log_bytes;
}

absl::StatusOr<RetentionPolicy> RetentionPolicy::Parse(const std::vector<std::string>& settings) {
  RetentionPolicy policy;
  std::map<std::string, absl::string_view> by_namespace;
  for (const std::string& setting : settings) {
    const auto error = [&setting](absl::string_view what) {
      return absl::InvalidArgumentError(absl::StrCat("--retention: \"", setting, "\": ", what));
    };
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(setting, absl::MaxSplits(':', 1));
    const std::string name(parts.first);
    if (name != kAll && !IsName(name)) {
      return error("begin with NAMESPACE: or *:, for example *:log-age=14d");
    }
    if (!by_namespace.emplace(name, parts.second).second) {
      return error(absl::StrCat("there are two for ", name));
    }
    RetentionLimits ignored;
    if (absl::Status status = ApplySettings(parts.second, &ignored); !status.ok()) {
      return error(status.message());
    }
  }
  if (const auto all = by_namespace.find(kAll); all != by_namespace.end()) {
    (void)ApplySettings(all->second, &policy.default_);
    by_namespace.erase(all);
  }
  for (const auto& [name, text] : by_namespace) {
    RetentionLimits limits = policy.default_;
    (void)ApplySettings(text, &limits);
    policy.by_namespace_[name] = limits;
  }
  return policy;
}

const RetentionLimits& RetentionPolicy::LimitsOf(absl::string_view name_space) const {
  const auto it = by_namespace_.find(name_space);
  return it == by_namespace_.end() ? default_ : it->second;
}

}  // namespace cronium::controller
