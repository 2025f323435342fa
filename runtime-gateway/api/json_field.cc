// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/json_field.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/json_members.h"

namespace cronium::gateway {
namespace {

absl::Status WrongField(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

// `field`: for the message.
absl::StatusOr<std::vector<JsonMember>> MembersOf(const std::string& body,
                                                  absl::string_view field) {
  if (body.empty()) {
    return WrongField(
        "body", absl::StrCat("is empty; a JSON object with the field ", field, " is expected"));
  }
  absl::StatusOr<std::vector<JsonMember>> members = JsonMembers(body);
  if (members.ok()) return members;
  const absl::string_view what = members.status().message();
  if (what != "is not a JSON object") return WrongField("body", what);
  return WrongField("body", absl::StrCat(what, " with the field ", field));
}

// Null where the field is absent.
absl::StatusOr<const JsonMember*> FindMember(const std::vector<JsonMember>& members,
                                             absl::string_view field) {
  const JsonMember* found = nullptr;
  for (const JsonMember& member : members) {
    if (member.name != field) continue;
    if (found != nullptr) return WrongField(field, "is there more than once");
    found = &member;
  }
  return found;
}

}  // namespace

absl::StatusOr<std::string> TakeJsonField(std::string body, absl::string_view field) {
  const absl::StatusOr<std::vector<JsonMember>> members = MembersOf(body, field);
  if (!members.ok()) return members.status();
  const absl::StatusOr<const JsonMember*> found = FindMember(*members, field);
  if (!found.ok()) return found.status();
  if (*found == nullptr) return WrongField(field, "is required");
  const size_t begin = (*found)->value.data() - body.data();
  body.resize(begin + (*found)->value.size());
  body.erase(0, begin);
  return body;
}

absl::StatusOr<JsonFields> TakeJsonFields(const std::string& body, absl::string_view required,
                                          absl::string_view optional) {
  const absl::StatusOr<std::vector<JsonMember>> members = MembersOf(body, required);
  if (!members.ok()) return members.status();
  JsonFields fields;
  const absl::StatusOr<const JsonMember*> first = FindMember(*members, required);
  if (!first.ok()) return first.status();
  if (*first == nullptr) return WrongField(required, "is required");
  fields.first = std::string((*first)->value);
  const absl::StatusOr<const JsonMember*> second = FindMember(*members, optional);
  if (!second.ok()) return second.status();
  if (*second != nullptr) fields.second = std::string((*second)->value);
  return fields;
}

}  // namespace cronium::gateway
