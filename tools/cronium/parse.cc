// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/parse.h"

#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace cronium::cli {
namespace {

absl::Status NotA(absl::string_view text, absl::string_view kind, absl::string_view examples) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not ", kind, ": write for example ", examples));
}

// Length of the number that text begins with.
size_t NumberLength(absl::string_view text) {
  size_t n = 0;
  while (n < text.size() && (absl::ascii_isdigit(text[n]) || text[n] == '.')) ++n;
  return n;
}

bool UnitDuration(absl::string_view unit, absl::Duration* out) {
  static constexpr struct {
    absl::string_view name;
    int64_t ns;
  } kUnits[] = {{"ns", 1},
                {"us", 1'000},
                {"ms", 1'000'000},
                {"s", 1'000'000'000},
                {"m", 60'000'000'000},
                {"h", 3'600'000'000'000},
                {"d", 86'400'000'000'000}};
  for (const auto& known : kUnits) {
    if (unit != known.name) continue;
    *out = absl::Nanoseconds(known.ns);
    return true;
  }
  return false;
}

// Factor of a size's unit; 0 where there is no such unit.
int64_t UnitBytes(std::string unit) {
  absl::AsciiStrToLower(&unit);
  if (unit.empty() || unit == "b") return 1;
  const size_t power = absl::string_view("kmgt").find(unit[0]);
  if (power == absl::string_view::npos) return 0;
  const absl::string_view rest = absl::string_view(unit).substr(1);
  if (!rest.empty() && rest != "i" && rest != "ib" && rest != "b") return 0;
  const int64_t base = rest == "b" ? 1000 : 1024;
  int64_t factor = base;
  for (size_t i = 0; i < power; ++i) factor *= base;
  return factor;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  const auto wrong = [&] { return NotA(text, "a duration", "90s, 5m, 1h30m or 2d"); };
  absl::string_view rest = text;
  absl::Duration sum;
  if (rest.empty()) return wrong();
  while (!rest.empty()) {
    const size_t digits = NumberLength(rest);
    double number = 0;
    if (!absl::SimpleAtod(rest.substr(0, digits), &number)) return wrong();
    rest.remove_prefix(digits);
    size_t letters = 0;
    while (letters < rest.size() && absl::ascii_isalpha(rest[letters])) ++letters;
    absl::Duration unit;
    if (!UnitDuration(rest.substr(0, letters), &unit)) return wrong();
    rest.remove_prefix(letters);
    sum += unit * number;
  }
  return sum;
}

absl::StatusOr<int64_t> ParseSize(absl::string_view text) {
  const auto wrong = [&] { return NotA(text, "a size", "512M, 2G or a number of bytes"); };
  const size_t digits = NumberLength(text);
  double number = 0;
  if (!absl::SimpleAtod(text.substr(0, digits), &number)) return wrong();
  const int64_t unit = UnitBytes(std::string(text.substr(digits)));
  if (unit == 0) return wrong();
  const double bytes = std::round(number * static_cast<double>(unit));
  if (bytes >= static_cast<double>(std::numeric_limits<int64_t>::max())) return wrong();
  return static_cast<int64_t>(bytes);
}

absl::StatusOr<int32_t> ParseCpuMillis(absl::string_view text) {
  const auto wrong = [&] { return NotA(text, "a number of CPUs", "2, 0.5 or 500m"); };
  absl::string_view digits = text;
  const bool thousandths = absl::ConsumeSuffix(&digits, "m");
  double number = 0;
  if (digits.empty() || NumberLength(digits) != digits.size() ||
      !absl::SimpleAtod(digits, &number)) {
    return wrong();
  }
  const double millis = std::round(thousandths ? number : number * 1000);
  if (millis < 1 || millis > std::numeric_limits<int32_t>::max()) return wrong();
  return static_cast<int32_t>(millis);
}

absl::StatusOr<std::pair<std::string, std::string>> ParseKeyValue(absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not KEY=VALUE"));
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

absl::StatusOr<absl::Time> ParseSince(absl::string_view text, absl::Time now) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return time;
  const absl::StatusOr<absl::Duration> ago = ParseDuration(text);
  if (ago.ok()) return now - *ago;
  return NotA(text, "a time", "10m (that long ago) or 2026-01-02T15:04:05Z");
}

}  // namespace cronium::cli
