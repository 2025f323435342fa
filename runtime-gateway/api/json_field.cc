// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/json_field.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/json_members.h"

namespace cronium::gateway {
namespace {

absl::Status Wrong(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

}  // namespace

absl::StatusOr<std::string> TakeJsonField(std::string body, absl::string_view field) {
  if (body.empty()) {
    return Wrong("body",
                 absl::StrCat("is empty; a JSON object with the field ", field, " is expected"));
  }
  const absl::StatusOr<std::vector<JsonMember>> members = JsonMembers(body);
  if (!members.ok()) {
    const absl::string_view what = members.status().message();
    if (what != "is not a JSON object") return Wrong("body", what);
    return Wrong("body", absl::StrCat(what, " with the field ", field));
  }
  const JsonMember* found = nullptr;
  for (const JsonMember& member : *members) {
    if (member.name != field) continue;
    if (found != nullptr) return Wrong(field, "is there more than once");
    found = &member;
  }
  if (found == nullptr) return Wrong(field, "is required");
  const size_t begin = found->value.data() - body.data();
  body.resize(begin + found->value.size());
  body.erase(0, begin);
  return body;
}

}  // namespace cronium::gateway
