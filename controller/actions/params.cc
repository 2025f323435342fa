// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/params.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxJsonBytes = 1 << 20;

// The text of a JSON string or number.
std::optional<std::string> TextOf(absl::string_view value) {
  if (std::optional<std::string> text = JsonStringText(value); text.has_value()) return text;
  if (value[0] == '-' || absl::ascii_isdigit(value[0])) return std::string(value);
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Params> Params::Parse(absl::string_view json) {
  Params params;
  if (json.size() > kMaxJsonBytes) {
    params.violations_.Add("params", absl::StrCat("has ", json.size(), " bytes; at most ",
                                                  kMaxJsonBytes, " are allowed"));
    return params.violations_.ToStatus();
  }
  absl::StatusOr<std::vector<JsonMember>> members = JsonMembers(json);
  if (!members.ok()) {
    params.violations_.Add("params", members.status().message());
    return params.violations_.ToStatus();
  }
  std::set<std::string> seen;
  for (JsonMember& member : *members) {
    if (!seen.insert(member.name).second) params.Wrong(member.name, "is there more than once");
    params.members_.push_back(std::move(member));
  }
  return params;
}

const JsonMember* Params::Find(absl::string_view name) const {
  const auto found = std::find_if(members_.begin(), members_.end(), [&](const JsonMember& member) {
    return member.name == name && member.value != "null";
  });
  return found == members_.end() ? nullptr : &*found;
}

const JsonMember* Params::Take(absl::string_view name) {
  known_.insert(std::string(name));
  return Find(name);
}

void Params::Wrong(absl::string_view name, absl::string_view description) {
  violations_.Add(absl::StrCat("params.", name), description);
}

std::optional<std::string> Params::Text(absl::string_view name, size_t max_bytes) {
  const JsonMember* member = Take(name);
  if (member == nullptr) return std::nullopt;
  std::optional<std::string> text = TextOf(member->value);
  if (!text.has_value()) {
    Wrong(name, "is not a string");
  } else if (text->size() > max_bytes) {
    Wrong(name, absl::StrCat("has ", text->size(), " bytes; at most ", max_bytes, " are allowed"));
  }
  return text;
}

std::string Params::RequiredText(absl::string_view name, size_t max_bytes) {
  std::optional<std::string> text = Text(name, max_bytes);
  if (!Has(name)) {
    Wrong(name, "is required");
  } else if (text.has_value() && text->empty()) {
    Wrong(name, "is empty");
  }
  return text.value_or("");
}

std::optional<bool> Params::Flag(absl::string_view name) {
  const JsonMember* member = Take(name);
  if (member == nullptr) return std::nullopt;
  if (member->value == "true") return true;
  if (member->value == "false") return false;
  Wrong(name, "is not true or false");
  return std::nullopt;
}

std::optional<int64_t> Params::Number(absl::string_view name, int64_t min, int64_t max) {
  const JsonMember* member = Take(name);
  if (member == nullptr) return std::nullopt;
  int64_t number = 0;
  if (!absl::SimpleAtoi(member->value, &number) || number < min || number > max) {
    Wrong(name, absl::StrCat("is not a whole number from ", min, " to ", max));
    return std::nullopt;
  }
  return number;
}

std::vector<std::string> Params::List(absl::string_view name, size_t max_items) {
  const JsonMember* member = Take(name);
  std::vector<std::string> items;
  if (member == nullptr) return items;
  if (member->value[0] == '[') {
    const absl::StatusOr<std::vector<absl::string_view>> elements = JsonElements(member->value);
    for (const absl::string_view element : *elements) {
      std::optional<std::string> text = JsonStringText(element);
      if (!text.has_value()) {
        Wrong(absl::StrCat(name, "[", items.size(), "]"), "is not a string");
      }
      items.push_back(std::move(text).value_or(""));
    }
  } else if (const std::optional<std::string> text = JsonStringText(member->value)) {
    for (const absl::string_view part : absl::StrSplit(*text, ',')) {
      const absl::string_view item = absl::StripAsciiWhitespace(part);
      if (!item.empty()) items.emplace_back(item);
    }
  } else {
    Wrong(name, "is neither a list of strings nor a string");
  }
  if (items.size() > max_items) {
    Wrong(name,
          absl::StrCat("has ", items.size(), " entries; at most ", max_items, " are allowed"));
    items.resize(max_items);
  }
  return items;
}

std::vector<std::pair<std::string, std::string>> Params::TextMap(absl::string_view name,
                                                                 size_t max_items) {
  std::vector<std::pair<std::string, std::string>> map;
  const absl::string_view json = Json(name, '{', kMaxJsonBytes);
  if (json.empty()) return map;
  const absl::StatusOr<std::vector<JsonMember>> members = JsonMembers(json);
  for (const JsonMember& member : *members) {
    std::optional<std::string> text = TextOf(member.value);
    if (!text.has_value()) Wrong(absl::StrCat(name, ".", member.name), "is not a string");
    map.emplace_back(member.name, std::move(text).value_or(""));
  }
  if (map.size() > max_items) {
    Wrong(name, absl::StrCat("has ", map.size(), " entries; at most ", max_items, " are allowed"));
    map.resize(max_items);
  }
  return map;
}

absl::string_view Params::Json(absl::string_view name, char kind, size_t max_bytes) {
  const JsonMember* member = Take(name);
  if (member == nullptr) return "";
  if (member->value[0] != kind) {
    Wrong(name, kind == '{' ? "is not a JSON object" : "is not a JSON array");
    return "";
  }
  if (member->value.size() > max_bytes) {
    Wrong(name, absl::StrCat("has ", member->value.size(), " bytes; at most ", max_bytes,
                             " are allowed"));
    return "";
  }
  return member->value;
}

absl::string_view Params::AnyJson(absl::string_view name) {
  const JsonMember* member = Take(name);
  return member == nullptr ? "" : member->value;
}

absl::Status Params::Finish() {
  for (const JsonMember& member : members_) {
    if (known_.find(member.name) != known_.end()) continue;
    Wrong(member.name, absl::StrCat("is not known; ", absl::StrJoin(known_, ", "), " are"));
  }
  return violations_.ToStatus();
}

}  // namespace cronium::controller
