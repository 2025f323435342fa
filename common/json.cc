// SPDX-License-Identifier: Apache-2.0
#include "common/json.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace cronium {
namespace {

// Accepts everything and counts the depth; builds nothing.
class DepthCheck : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return Enter(); }
  bool key(string_t&) override { return true; }
  bool end_object() override { return Leave(); }
  bool start_array(std::size_t) override { return Enter(); }
  bool end_array() override { return Leave(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // 406: the text is fine, but a number of it is not.
    if (error.id == 406) {
      out_of_range = true;
      return false;
    }
    message = absl::StrCat("not valid JSON at byte ", position);
    // The parser's own words are the only place where this is told from other mistakes.
    if (absl::StrContains(error.what(), "surrogate")) {
      absl::StrAppend(&message, ": half of a surrogate pair, which no text in UTF-8 can hold");
    }
    return false;
  }

  std::string message;
  bool out_of_range = false;

 private:
  bool Enter() {
    if (++depth_ <= kMaxJsonDepth) return true;
    message = absl::StrCat("nested deeper than ", kMaxJsonDepth);
    return false;
  }
  bool Leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
};

// Length of the well-formed UTF-8 sequence at text[0], 0 where there is none. Ranges: Unicode 15,
// table 3-7.
int SequenceLength(absl::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto in = [](unsigned c, unsigned low, unsigned high) { return c >= low && c <= high; };
  const unsigned a = byte(0);
  if (a < 0x80) return 1;
  if (in(a, 0xC2, 0xDF)) return in(byte(1), 0x80, 0xBF) ? 2 : 0;
  if (in(a, 0xE0, 0xEF)) {
    const unsigned low = a == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = a == 0xED ? 0x9F : 0xBF;
    return in(byte(1), low, high) && in(byte(2), 0x80, 0xBF) ? 3 : 0;
  }
  if (in(a, 0xF0, 0xF4)) {
    const unsigned low = a == 0xF0 ? 0x90 : 0x80;
    const unsigned high = a == 0xF4 ? 0x8F : 0xBF;
    return in(byte(1), low, high) && in(byte(2), 0x80, 0xBF) && in(byte(3), 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

}  // namespace

absl::Status ValidateJson(absl::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("is empty; JSON text is expected");
  // The parser takes a zero byte for the end of the text, and passes over a byte order mark; to
  // others who read it, it is no JSON.
  if (const size_t zero = text.find('\0'); zero != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("not valid JSON at byte ", zero + 1));
  }
  if (absl::StartsWith(text, "\xEF\xBB\xBF")) {
    return absl::InvalidArgumentError("not valid JSON at byte 1: a byte order mark");
  }
  DepthCheck check;
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &check)) return absl::OkStatus();
  if (check.out_of_range) {
    return absl::InvalidArgumentError("holds a number beyond the range of a double");
  }
  return absl::InvalidArgumentError(check.message);
}

std::string QuoteJson(absl::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const int length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string ToUtf8Lossy(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const int length = SequenceLength(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      out.append(text.data(), length);
      text.remove_prefix(length);
    }
  }
  return out;
}

}  // namespace cronium
