// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/format.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/json.h"

namespace cronium::cli {
namespace {

std::string WholeUnits(int64_t seconds) {
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  // Two of a unit before the next one begins, as 90s says more than 1m.
  if (seconds < 2 * kMinute) return absl::StrCat(seconds, "s");
  if (seconds < 2 * kHour) return absl::StrCat(seconds / kMinute, "m");
  if (seconds < 2 * kDay) return absl::StrCat(seconds / kHour, "h");
  return absl::StrCat(seconds / kDay, "d");
}

}  // namespace

std::string Span(absl::Duration span) {
  if (span < absl::ZeroDuration()) span = absl::ZeroDuration();
  if (span < absl::Seconds(10)) {
    return absl::StrFormat("%.3fs", absl::ToDoubleSeconds(span));
  }
  return WholeUnits(absl::ToInt64Seconds(span));
}

std::string Age(const google::protobuf::Timestamp& time, bool is_set, absl::Time now) {
  if (!is_set) return "-";
  // A clock that differs from the controller's is no reason to show a negative age.
  return WholeUnits(absl::ToInt64Seconds(std::max(now - ToTime(time), absl::ZeroDuration())));
}

std::string DateTime(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E3S UTC", ToTime(time), absl::UTCTimeZone());
}

std::string Size(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  const bool whole = value == std::floor(value) || value >= 100;
  return absl::StrFormat("%.*f%s", whole ? 0 : 1, value, kUnits[unit]);
}

std::string Cpus(int32_t millis) {
  std::string text = absl::StrFormat("%.3f", millis / 1000.0);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string Word(v1::JobState state) {
  return std::string(absl::StripPrefix(v1::JobState_Name(state), "JOB_STATE_"));
}
std::string Word(v1::ExecutionState state) {
  return std::string(absl::StripPrefix(v1::ExecutionState_Name(state), "EXECUTION_STATE_"));
}
std::string Word(v1::EndReason reason) {
  return std::string(absl::StripPrefix(v1::EndReason_Name(reason), "END_REASON_"));
}
std::string Word(v1::NodeState state) {
  return std::string(absl::StripPrefix(v1::NodeState_Name(state), "NODE_STATE_"));
}

std::string Printable(absl::string_view text) {
  const std::string utf8 = ToUtf8Lossy(text);
  std::string out;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&out, "\\x%02x", byte);
    } else if (byte == 0xC2 && static_cast<unsigned char>(utf8[i + 1]) < 0xA0) {
      // U+0080 to U+009F: the same controls in their one-character form.
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(utf8[++i]));
    } else {
      out += utf8[i];
    }
  }
  return out;
}

bool IsEnded(v1::JobState state) { return state >= v1::JOB_STATE_SUCCEEDED; }

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  absl::Duration rest;
  out->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  out->set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(rest)));
}

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const int64_t ns = absl::ToUnixNanos(time);
  out->set_seconds(ns / 1'000'000'000);
  out->set_nanos(static_cast<int>(ns % 1'000'000'000));
}

}  // namespace cronium::cli
