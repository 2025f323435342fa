// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/json_field.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/json.h"

namespace cronium::gateway {
namespace {

// Walks over text that ValidateJson has accepted, so that the shape of what comes next never needs
// to be doubted.
class Walker {
 public:
  explicit Walker(absl::string_view text) : text_(text) {}

  size_t position() const { return position_; }
  char Peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  void Step() { ++position_; }

  void SkipSpace() {
    while (IsSpace(Peek())) ++position_;
  }

  // A string with its quotes.
  absl::string_view TakeString() {
    const size_t begin = position_;
    for (++position_; Peek() != '"'; ++position_) {
      if (Peek() == '\\') ++position_;
    }
    ++position_;
    return text_.substr(begin, position_ - begin);
  }

  absl::string_view TakeValue() {
    const size_t begin = position_;
    int depth = 0;
    do {
      switch (Peek()) {
        case '"':
          TakeString();
          break;
        case '{':
        case '[':
          ++depth;
          ++position_;
          break;
        case '}':
        case ']':
          --depth;
          ++position_;
          break;
        default:
          if (depth == 0) {
            TakeLiteral();
          } else {
            ++position_;
          }
      }
    } while (depth > 0);
    return text_.substr(begin, position_ - begin);
  }

 private:
  static bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

  // A number, or one of true, false and null.
  void TakeLiteral() {
    while (position_ < text_.size() && !IsSpace(Peek()) && Peek() != ',' && Peek() != '}') {
      ++position_;
    }
  }

  const absl::string_view text_;
  size_t position_ = 0;
};

// Whether a string with its quotes says `name`, however it is escaped.
bool Says(absl::string_view quoted, absl::string_view name) {
  const absl::string_view inner = quoted.substr(1, quoted.size() - 2);
  if (inner.find('\\') == absl::string_view::npos) return inner == name;
  const nlohmann::json parsed = nlohmann::json::parse(quoted.begin(), quoted.end(), nullptr, false);
  return parsed.is_string() && parsed.get_ref<const std::string&>() == name;
}

absl::Status Wrong(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

}  // namespace

absl::StatusOr<std::string> TakeJsonField(std::string body, absl::string_view field) {
  if (body.empty()) {
    return Wrong("body",
                 absl::StrCat("is empty; a JSON object with the field ", field, " is expected"));
  }
  if (absl::Status valid = ValidateJson(body); !valid.ok()) return Wrong("body", valid.message());
  Walker walker(body);
  walker.SkipSpace();
  if (walker.Peek() != '{') {
    return Wrong("body", absl::StrCat("is not a JSON object with the field ", field));
  }
  walker.Step();
  bool found = false;
  size_t begin = 0, length = 0;
  for (walker.SkipSpace(); walker.Peek() != '}'; walker.SkipSpace()) {
    if (walker.Peek() == ',') {
      walker.Step();
      continue;
    }
    const absl::string_view key = walker.TakeString();
    walker.SkipSpace();
    walker.Step();  // the colon
    walker.SkipSpace();
    const size_t start = walker.position();
    const absl::string_view value = walker.TakeValue();
    if (!Says(key, field)) continue;
    if (std::exchange(found, true)) return Wrong(field, "is there more than once");
    begin = start;
    length = value.size();
  }
  if (!found) return Wrong(field, "is required");
  body.resize(begin + length);
  body.erase(0, begin);
  return body;
}

}  // namespace cronium::gateway
