// SPDX-License-Identifier: Apache-2.0
#include "common/json_members.h"

#include <cstddef>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/json.h"

namespace cronium {
namespace {

// Walks over text that ValidateJson has accepted, so that the shape of what comes next never needs
// to be doubted.
class Walker {
 public:
  explicit Walker(absl::string_view text) : text_(text) {}

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
    while (position_ < text_.size() && !IsSpace(Peek()) && Peek() != ',' && Peek() != '}' &&
           Peek() != ']') {
      ++position_;
    }
  }

  const absl::string_view text_;
  size_t position_ = 0;
};

// Calls each(walker) at the beginning of every member or element.
template <typename Each>
absl::Status ForEach(absl::string_view text, char open, absl::string_view kind, Each each) {
  if (absl::Status valid = ValidateJson(text); !valid.ok()) return valid;
  Walker walker(text);
  walker.SkipSpace();
  if (walker.Peek() != open) {
    return absl::InvalidArgumentError(absl::StrCat("is not a JSON ", kind));
  }
  const char close = open == '{' ? '}' : ']';
  walker.Step();
  for (walker.SkipSpace(); walker.Peek() != close; walker.SkipSpace()) {
    if (walker.Peek() == ',') {
      walker.Step();
    } else {
      each(&walker);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<JsonMember>> JsonMembers(absl::string_view text) {
  std::vector<JsonMember> members;
  absl::Status status = ForEach(text, '{', "object", [&](Walker* walker) {
    const absl::string_view name = walker->TakeString();
    walker->SkipSpace();
    walker->Step();  // the colon
    walker->SkipSpace();
    members.push_back({JsonStringText(name).value_or(""), walker->TakeValue()});
  });
  if (!status.ok()) return status;
  return members;
}

absl::StatusOr<std::vector<absl::string_view>> JsonElements(absl::string_view text) {
  std::vector<absl::string_view> elements;
  absl::Status status =
      ForEach(text, '[', "array", [&](Walker* walker) { elements.push_back(walker->TakeValue()); });
  if (!status.ok()) return status;
  return elements;
}

std::optional<std::string> JsonStringText(absl::string_view value) {
  if (value.size() < 2 || value[0] != '"') return std::nullopt;
  const absl::string_view inner = value.substr(1, value.size() - 2);
  if (inner.find('\\') == absl::string_view::npos) return std::string(inner);
  const nlohmann::json parsed = nlohmann::json::parse(value.begin(), value.end(), nullptr, false);
  if (!parsed.is_string()) return std::nullopt;
  return parsed.get<std::string>();
}

}  // namespace cronium
