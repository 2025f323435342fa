// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/json.h"
#include "common/json_members.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"
#include "tools/cronium/credentials_commands.h"

namespace cronium::cli {
namespace {

// The part of the secret that a kind's JSON is about; null where there is no such kind.
google::protobuf::Message* PartOf(absl::string_view kind, v1::CredentialSecret* secret) {
  if (kind == "smtp") return secret->mutable_smtp();
  if (kind == "slack") return secret->mutable_slack();
  if (kind == "discord") return secret->mutable_discord();
  if (kind == "webhook") return secret->mutable_webhook();
  return nullptr;
}

std::string FieldNames(const google::protobuf::Descriptor& descriptor) {
  std::vector<std::string> names;
  for (int i = 0; i < descriptor.field_count(); ++i) names.push_back(descriptor.field(i)->name());
  return absl::StrJoin(names, ", ");
}

// `starttls` as the enum's full name, which is what protobuf's JSON has.
absl::StatusOr<std::string> SecurityName(absl::string_view value) {
  const std::string word = absl::AsciiStrToUpper(JsonStringText(value).value_or(""));
  for (const char* known : {"STARTTLS", "TLS", "NONE"}) {
    if (word == known || word == absl::StrCat("SMTP_SECURITY_", known)) {
      return QuoteJson(absl::StrCat("SMTP_SECURITY_", known));
    }
  }
  return absl::InvalidArgumentError("security: is none of starttls, tls and none");
}

}  // namespace

absl::StatusOr<v1::CredentialSecret> ParseSecret(absl::string_view kind, absl::string_view json) {
  v1::CredentialSecret secret;
  google::protobuf::Message* part = PartOf(kind, &secret);
  if (part == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--kind: \"", kind, "\" is none of smtp, slack, discord and webhook"));
  }
  absl::StatusOr<std::vector<JsonMember>> members = JsonMembers(json);
  if (!members.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("the secret ", members.status().message()));
  }
  const google::protobuf::Descriptor& descriptor = *part->GetDescriptor();
  for (const JsonMember& member : *members) {
    const google::protobuf::FieldDescriptor* field = descriptor.FindFieldByName(member.name);
    if (field == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("the secret's member ", QuoteJson(member.name),
                                                     " is not known; a ", kind,
                                                     " secret has: ", FieldNames(descriptor)));
    }
    std::string value(member.value);
    if (member.name == "security") {
      absl::StatusOr<std::string> name = SecurityName(member.value);
      if (!name.ok()) return name.status();
      value = *std::move(name);
    }
    // One by one, so that what is wrong has a name. protobuf's own error would show the value.
    const std::string one = absl::StrCat("{", QuoteJson(member.name), ":", value, "}");
    std::unique_ptr<google::protobuf::Message> probe(part->New());
    if (!google::protobuf::util::JsonStringToMessage(one, probe.get()).ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(member.name, ": is not of the right type (",
                       field->is_map() ? "object of strings" : field->cpp_type_name(), ")"));
    }
    part->MergeFrom(*probe);
  }
  return secret;
}

}  // namespace cronium::cli
