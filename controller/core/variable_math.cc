// SPDX-License-Identifier: Apache-2.0
#include "controller/core/variable_math.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <system_error>
#include <variant>

#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error.h"

namespace cronium::controller {
namespace {

// An integer that does not fit is neither: it must not become a double unnoticed.
struct TooLarge {};
using Number = std::variant<absl::int128, double, TooLarge>;

constexpr absl::int128 kSmallest = std::numeric_limits<int64_t>::min();
constexpr absl::int128 kLargest = std::numeric_limits<uint64_t>::max();

// Removes leading digits; how many there were.
size_t SkipDigits(absl::string_view* text) {
  size_t n = 0;
  while (n < text->size() && absl::ascii_isdigit((*text)[n])) ++n;
  text->remove_prefix(n);
  return n;
}

absl::string_view Trim(absl::string_view json) { return absl::StripAsciiWhitespace(json); }

Number ParseInteger(absl::string_view text) {
  const bool negative = absl::ConsumePrefix(&text, "-");
  absl::int128 value = 0;
  for (const char digit : text) {
    value = value * 10 + (digit - '0');
    if (value > kLargest) return TooLarge();
  }
  if (negative) value = -value;
  if (value < kSmallest) return TooLarge();
  return value;
}

Number ParseNumber(absl::string_view text) {
  if (text.find_first_of(".eE") == absl::string_view::npos) return ParseInteger(text);
  double value = 0;
  const absl::from_chars_result parsed =
      absl::from_chars(text.data(), text.data() + text.size(), value);
  // Out of range is also what is too small to be told from zero; the value tells which.
  if (parsed.ec == std::errc::result_out_of_range && std::abs(value) > 1) return TooLarge();
  return value;
}

double AsDouble(const Number& number) {
  if (const auto* integer = std::get_if<absl::int128>(&number))
    return static_cast<double>(*integer);
  return std::get<double>(number);
}

std::string FormatInteger(absl::int128 value) {
  return value < 0 ? absl::StrCat(static_cast<int64_t>(value))
                   : absl::StrCat(static_cast<uint64_t>(value));
}

std::string FormatDouble(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  std::string text(buffer, end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

absl::Status OutOfRange(absl::string_view key, absl::string_view present, absl::string_view by) {
  return MakeError(
      absl::StatusCode::kOutOfRange, "VARIABLE_OUT_OF_RANGE",
      absl::StrCat("variable ", key, ": ", present.substr(0, 40), " + ", by.substr(0, 40),
                   " is not within -9223372036854775808 to 18446744073709551615, or "
                   "within the range of doubles for decimals; it stays as it was"),
      {{"key", key}});
}

std::string KindOf(absl::string_view json) {
  switch (json.empty() ? 'n' : json.front()) {
    case '"':
      return "a string";
    case '{':
      return "an object";
    case '[':
      return "a list";
    case 'n':
      return "null";
    case 't':
    case 'f':
      return "true or false";
    default:
      return "a number";
  }
}

}  // namespace

bool IsJsonNumber(absl::string_view text) {
  absl::ConsumePrefix(&text, "-");
  const bool zero = !text.empty() && text.front() == '0';
  const size_t whole = SkipDigits(&text);
  if (whole == 0 || (zero && whole > 1)) return false;
  if (absl::ConsumePrefix(&text, ".") && SkipDigits(&text) == 0) return false;
  if (absl::ConsumePrefix(&text, "e") || absl::ConsumePrefix(&text, "E")) {
    if (!absl::ConsumePrefix(&text, "-")) absl::ConsumePrefix(&text, "+");
    if (SkipDigits(&text) == 0) return false;
  }
  return text.empty();
}

bool IsJsonString(absl::string_view text) {
  return text.size() >= 2 && text.front() == '"' && text.back() == '"';
}

absl::StatusOr<std::string> IncrementedValue(absl::string_view key, absl::string_view present_json,
                                             absl::string_view by_json) {
  const absl::string_view present = Trim(present_json);
  const absl::string_view by = Trim(by_json);
  if (!IsJsonNumber(present)) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "VARIABLE_NOT_A_NUMBER",
                     absl::StrCat("variable ", key, ": is ", KindOf(present),
                                  ", and only a number can be counted up; set or delete it first"),
                     {{"key", key}});
  }
  const Number a = ParseNumber(present);
  const Number b = ParseNumber(by);
  if (std::holds_alternative<TooLarge>(a) || std::holds_alternative<TooLarge>(b)) {
    return OutOfRange(key, present, by);
  }
  if (std::holds_alternative<absl::int128>(a) && std::holds_alternative<absl::int128>(b)) {
    const absl::int128 sum = std::get<absl::int128>(a) + std::get<absl::int128>(b);
    if (sum < kSmallest || sum > kLargest) return OutOfRange(key, present, by);
    return FormatInteger(sum);
  }
  const double sum = AsDouble(a) + AsDouble(b);
  if (!std::isfinite(sum)) return OutOfRange(key, present, by);
  return FormatDouble(sum);
}

absl::StatusOr<std::string> AppendedValue(absl::string_view key, absl::string_view present_json,
                                          absl::string_view separator_json,
                                          absl::string_view text_json) {
  const auto inner = [](absl::string_view quoted) { return quoted.substr(1, quoted.size() - 2); };
  const absl::string_view present = Trim(present_json);
  if (!IsJsonString(present)) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "VARIABLE_NOT_A_STRING",
                     absl::StrCat("variable ", key, ": is ", KindOf(present),
                                  ", and only a string can be appended to; set or delete it first"),
                     {{"key", key}});
  }
  const absl::string_view separator =
      present == "\"\"" ? absl::string_view() : inner(Trim(separator_json));
  const absl::string_view text = inner(Trim(text_json));
  const size_t bytes = present.size() + separator.size() + text.size();
  if (bytes > kMaxVariableBytes) return VariableTooLarge(key, bytes);
  return absl::StrCat("\"", inner(present), separator, text, "\"");
}

absl::Status VariableTooLarge(absl::string_view key, size_t bytes) {
  return MakeError(absl::StatusCode::kOutOfRange, "VARIABLE_TOO_LARGE",
                   absl::StrCat("variable ", key, ": would have ", bytes, " bytes; at most ",
                                kMaxVariableBytes, " are allowed"),
                   {{"key", key}});
}

}  // namespace cronium::controller
