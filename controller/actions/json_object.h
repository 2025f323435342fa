// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_JSON_OBJECT_H_
#define CRONIUM_CONTROLLER_ACTIONS_JSON_OBJECT_H_

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/json.h"

namespace cronium::controller {

// Builds a JSON object, member by member.
class JsonObject {
 public:
  JsonObject& Raw(absl::string_view name, absl::string_view json) {
    absl::StrAppend(&members_, members_.empty() ? "" : ",", QuoteJson(name), ":", json);
    return *this;
  }
  JsonObject& Text(absl::string_view name, absl::string_view text) {
    return Raw(name, QuoteJson(text));
  }
  JsonObject& Number(absl::string_view name, int64_t number) {
    return Raw(name, absl::StrCat(number));
  }
  // Where it is there.
  JsonObject& RawIf(absl::string_view name, absl::string_view json) {
    return json.empty() ? *this : Raw(name, json);
  }
  JsonObject& TextIf(absl::string_view name, const std::optional<std::string>& text) {
    return text.has_value() ? Text(name, *text) : *this;
  }
  JsonObject& FlagIf(absl::string_view name, std::optional<bool> flag) {
    return flag.has_value() ? Raw(name, *flag ? "true" : "false") : *this;
  }

  std::string Build() const { return absl::StrCat("{", members_, "}"); }

 private:
  std::string members_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_JSON_OBJECT_H_
