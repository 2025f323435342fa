// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/credential_choice.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "controller/actions/credential_rules.h"

namespace cronium::controller {
namespace {

bool IsGranted(const v1::Credential& credential, const std::string& name_space) {
  return std::find(credential.namespaces().begin(), credential.namespaces().end(), name_space) !=
         credential.namespaces().end();
}

absl::Status NotGranted(const std::string& name, const std::string& name_space) {
  return MakeError(
      absl::StatusCode::kPermissionDenied, "CREDENTIAL_NOT_GRANTED",
      absl::StrCat("credential ", name, " is not granted to the namespace ", name_space,
                   ": `cronium credentials update ", name, " --grant ", name_space, "` grants it"),
      {{"name", name}, {"namespace", name_space}});
}

absl::Status Required(const CredentialWish& wish) {
  const absl::string_view kind = KindName(wish.kind);
  return MakeError(absl::StatusCode::kFailedPrecondition, "CREDENTIAL_REQUIRED",
                   absl::StrCat("the namespace ", wish.name_space,
                                " has no credential of the kind ", kind, " for ", wish.tool,
                                ": create one with `cronium credentials "
                                "create ",
                                wish.tool, " --kind ", kind, " --grant ", wish.name_space,
                                " - < secret.json` (docs/tool-actions.md)"),
                   {{"kind", kind}, {"namespace", wish.name_space}});
}

absl::StatusOr<StoredCredential> ChooseNamed(Store* store, const CredentialWish& wish) {
  absl::StatusOr<StoredCredential> stored = store->GetCredential(*wish.name);
  if (!stored.ok()) return stored.status();
  if (!IsGranted(stored->credential, wish.name_space)) {
    return NotGranted(*wish.name, wish.name_space);
  }
  if (stored->credential.kind() != wish.kind) {
    Violations violations;
    violations.Add("params.credential",
                   absl::StrCat(*wish.name, " is of the kind ", KindName(stored->credential.kind()),
                                "; ", wish.tool, " takes one of the kind ", KindName(wish.kind)));
    return violations.ToStatus();
  }
  return stored;
}

}  // namespace

absl::StatusOr<StoredCredential> ChooseCredential(Store* store, const CredentialWish& wish) {
  if (wish.name.has_value()) return ChooseNamed(store, wish);
  absl::StatusOr<StoredCredential> like_tool = store->GetCredential(wish.tool);
  if (!like_tool.ok() && !absl::IsNotFound(like_tool.status())) return like_tool.status();
  const bool exists = like_tool.ok() && like_tool->credential.kind() == wish.kind;
  if (exists && IsGranted(like_tool->credential, wish.name_space)) return like_tool;
  CredentialQuery query;
  query.name_space = wish.name_space;
  query.kind = wish.kind;
  query.limit = 2;
  absl::StatusOr<Page<StoredCredential>> granted = store->ListCredentials(query);
  if (!granted.ok()) return granted.status();
  if (granted->items.size() == 1) return std::move(granted->items.front());
  if (granted->items.empty()) {
    return exists ? NotGranted(wish.tool, wish.name_space) : Required(wish);
  }
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "CREDENTIAL_AMBIGUOUS",
      absl::StrCat("the namespace ", wish.name_space, " has several credentials of the kind ",
                   KindName(wish.kind), " (", granted->items[0].credential.name(), ", ",
                   granted->items[1].credential.name(), "...) and none is named ", wish.tool,
                   ": say which with params.credential"),
      {{"kind", KindName(wish.kind)}, {"namespace", wish.name_space}});
}

}  // namespace cronium::controller
