// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/json.h"

#include <cstddef>
#include <cstdint>

namespace cronium::gateway::helpers {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The length of the UTF-8 character that `text` begins with; 0 when it begins with none. Refuses
// overlong forms, surrogates and what lies past U+10FFFF (Unicode 15, table 3-7).
size_t Utf8Length(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto in = [&](size_t i, int low, int high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  if (text.empty()) return 0;
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return in(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const int low = first == 0xE0 ? 0xA0 : 0x80;
    const int high = first == 0xED ? 0x9F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const int low = first == 0xF0 ? 0x90 : 0x80;
    const int high = first == 0xF4 ? 0x8F : 0xBF;
    return in(1, low, high) && in(2, 0x80, 0xBF) && in(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

void AppendUtf8(uint32_t code_point, std::string* out) {
  const auto tail = [&](int shift) {
    *out += static_cast<char>(0x80 | ((code_point >> shift) & 0x3F));
  };
  if (code_point < 0x80) {
    *out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    *out += static_cast<char>(0xC0 | (code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    *out += static_cast<char>(0xE0 | (code_point >> 12));
    tail(6);
    tail(0);
  } else {
    *out += static_cast<char>(0xF0 | (code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// Walks over JSON text, one value at a time. Each Skip is false at the first thing that is not
// JSON; where it stands then means nothing.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool AtEnd() {
    SkipSpace();
    return at_ == text_.size();
  }

  // Takes `c` and the white space before it.
  bool Take(char c) {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // Skips one value, and the white space before it; `raw` becomes its text.
  bool SkipValue(std::string_view* raw, int depth = 0) {
    SkipSpace();
    const size_t begin = at_;
    if (begin == text_.size() || !SkipAny(text_[begin], depth)) return false;
    *raw = text_.substr(begin, at_ - begin);
    return true;
  }

  // Skips `"key":`; `raw` becomes the key with its quotes.
  bool SkipKey(std::string_view* raw) {
    SkipSpace();
    const size_t begin = at_;
    if (!SkipString()) return false;
    *raw = text_.substr(begin, at_ - begin);
    return Take(':');
  }

 private:
  bool SkipAny(char first, int depth) {
    switch (first) {
      case '{':
        return SkipMembers(depth + 1);
      case '[':
        return SkipElements(depth + 1);
      case '"':
        return SkipString();
      case 't':
        return SkipWord("true");
      case 'f':
        return SkipWord("false");
      case 'n':
        return SkipWord("null");
      default:
        return SkipNumber();
    }
  }

  bool SkipMembers(int depth) {
    std::string_view ignored;
    if (depth > kMaxJsonDepth || !Take('{')) return false;
    if (Take('}')) return true;
    do {
      if (!SkipKey(&ignored) || !SkipValue(&ignored, depth)) return false;
    } while (Take(','));
    return Take('}');
  }

  bool SkipElements(int depth) {
    std::string_view ignored;
    if (depth > kMaxJsonDepth || !Take('[')) return false;
    if (Take(']')) return true;
    do {
      if (!SkipValue(&ignored, depth)) return false;
    } while (Take(','));
    return Take(']');
  }

  bool SkipString() {
    if (at_ == text_.size() || text_[at_] != '"') return false;
    ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' ? !SkipEscape() : !SkipCharacter()) return false;
    }
    return false;
  }

  bool SkipCharacter() {
    const size_t length = Utf8Length(text_.substr(at_));
    at_ += length;
    return length > 0;
  }

  bool SkipEscape() {
    if (++at_ == text_.size()) return false;
    const char c = text_[at_++];
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == text_.size() || HexDigit(text_[at_]) < 0) return false;
    }
    return true;
  }

  bool SkipWord(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool SkipDigits() {
    const size_t begin = at_;
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
    return at_ > begin;
  }

  bool SkipNumber() {
    const auto at = [this](char c) { return at_ < text_.size() && text_[at_] == c; };
    if (at('-')) ++at_;
    if (at('0')) {
      ++at_;
    } else if (!SkipDigits()) {
      return false;
    }
    if (at('.')) {
      ++at_;
      if (!SkipDigits()) return false;
    }
    if (at('e') || at('E')) {
      ++at_;
      if (at('+') || at('-')) ++at_;
      if (!SkipDigits()) return false;
    }
    return true;
  }

  void SkipSpace() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

// The one value in `text`, without the white space around it.
std::optional<std::string_view> OnlyValue(std::string_view text) {
  Scanner scanner(text);
  std::string_view value;
  if (!scanner.SkipValue(&value) || !scanner.AtEnd()) return std::nullopt;
  return value;
}

// Both take a value that is known to be well-formed.
std::optional<std::string_view> FindMember(std::string_view object, std::string_view name) {
  Scanner scanner(object);
  scanner.Take('{');
  std::optional<std::string_view> found;
  std::string_view key;
  std::string_view value;
  do {
    if (!scanner.SkipKey(&key) || !scanner.SkipValue(&value)) break;  // "{}" has none
    if (DecodeJsonString(key) == name) found = value;
  } while (scanner.Take(','));
  return found;
}

std::optional<std::string_view> FindElement(std::string_view array, std::string_view index) {
  size_t left = 0;
  if (index.empty() || index.size() > 9) return std::nullopt;
  for (const char c : index) {
    if (!IsDigit(c)) return std::nullopt;
    left = left * 10 + static_cast<size_t>(c - '0');
  }
  Scanner scanner(array);
  scanner.Take('[');
  std::string_view value;
  do {
    if (!scanner.SkipValue(&value)) return std::nullopt;
    if (left-- == 0) return value;
  } while (scanner.Take(','));
  return std::nullopt;
}

// The four hex digits at `at`, which are known to be there.
uint32_t CodeUnit(std::string_view text, size_t at) {
  uint32_t unit = 0;
  for (size_t i = at; i < at + 4; ++i) unit = unit * 16 + static_cast<uint32_t>(HexDigit(text[i]));
  return unit;
}

}  // namespace

bool IsJson(std::string_view text) { return OnlyValue(text).has_value(); }

bool IsJsonNumber(std::string_view text) {
  const std::optional<std::string_view> value = OnlyValue(text);
  return value && (value->front() == '-' || IsDigit(value->front()));
}

bool IsJsonObject(std::string_view text) {
  const std::optional<std::string_view> value = OnlyValue(text);
  return value && value->front() == '{';
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::optional<std::string_view> FindJson(std::string_view text,
                                         const std::vector<std::string_view>& path) {
  std::optional<std::string_view> value = OnlyValue(text);
  for (const std::string_view step : path) {
    if (!value) break;
    const char kind = value->front();
    value = kind == '{'   ? FindMember(*value, step)
            : kind == '[' ? FindElement(*value, step)
                          : std::nullopt;
  }
  return value;
}

std::optional<std::string> DecodeJsonString(std::string_view text) {
  const std::optional<std::string_view> value = OnlyValue(text);
  if (!value || value->front() != '"') return std::nullopt;
  const std::string_view body = value->substr(1, value->size() - 2);
  std::string result;
  result.reserve(body.size());
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      result += body[i];
      continue;
    }
    const char c = body[++i];
    if (c != 'u') {
      constexpr std::string_view kNames = "\"\\/bfnrt";
      constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
      result += kMeanings[kNames.find(c)];
      continue;
    }
    uint32_t code_point = CodeUnit(body, i + 1);
    i += 4;
    if (code_point >= 0xD800 && code_point <= 0xDBFF && body.substr(i + 1, 2) == "\\u") {
      const uint32_t low = CodeUnit(body, i + 3);
      if (low >= 0xDC00 && low <= 0xDFFF) {
        code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
        i += 6;
      }
    }
    const bool half = code_point >= 0xD800 && code_point <= 0xDFFF;
    AppendUtf8(half ? kReplacement : code_point, &result);
  }
  return result;
}

std::string EncodeJsonString(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string result = "\"";
  result.reserve(text.size() + 2);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else if (c == '\r') {
      result += "\\r";
    } else if (byte < 0x20) {
      result += "\\u00";
      result += kHex[byte >> 4];
      result += kHex[byte & 15];
    } else {
      result += c;
    }
  }
  result += '"';
  return result;
}

}  // namespace cronium::gateway::helpers
