// SPDX-License-Identifier: Apache-2.0
#include "controller/api/credentials.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/ids.h"
#include "common/proto_time.h"
#include "controller/actions/credential_rules.h"
#include "controller/api/page_token.h"

namespace cronium::controller {
namespace {

constexpr int kMaxNamespaces = 100;

bool IsGranted(const v1::Credential& credential, const std::string& name_space) {
  return std::find(credential.namespaces().begin(), credential.namespaces().end(), name_space) !=
         credential.namespaces().end();
}

bool MaySee(const Caller& caller, const v1::Credential& credential) {
  return caller.name_space.empty() || IsGranted(credential, caller.name_space);
}

// Other tenants' names are none of the caller's business.
v1::Credential Shown(const Caller& caller, v1::Credential credential) {
  if (caller.name_space.empty()) return credential;
  credential.clear_namespaces();
  credential.add_namespaces(caller.name_space);
  return credential;
}

absl::Status MayChange(const Caller& caller, const v1::Credential& credential) {
  for (const std::string& name_space : credential.namespaces()) {
    if (absl::Status status = caller.MayUse(name_space); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Checked, sorted and without repeats.
std::vector<std::string> ReadNamespaces(const google::protobuf::RepeatedPtrField<std::string>& in,
                                        const Caller& caller, Violations* violations) {
  std::vector<std::string> namespaces(in.begin(), in.end());
  std::sort(namespaces.begin(), namespaces.end());
  namespaces.erase(std::unique(namespaces.begin(), namespaces.end()), namespaces.end());
  if (namespaces.size() > kMaxNamespaces) {
    violations->Add("namespaces", absl::StrCat("has ", namespaces.size(), " entries; at most ",
                                               kMaxNamespaces, " are allowed"));
  }
  for (const std::string& name_space : namespaces) {
    if (IsName(name_space)) continue;
    violations->Add("namespaces",
                    absl::StrCat("\"", name_space, "\" is not 1 to 63 of [a-z0-9.-]"));
    break;
  }
  if (namespaces.empty() && !caller.name_space.empty()) {
    violations->Add("namespaces", absl::StrCat("is empty; your token is for the namespace ",
                                               caller.name_space, ", and could not see it"));
  }
  return namespaces;
}

AppendAudit AuditOf(const Services& services, const Caller& caller, absl::string_view operation,
                    const v1::Credential& credential) {
  AppendAudit append;
  append.limits = services.audit;
  v1::AuditRecord& record = append.record;
  SetTime(services.clock->Now(), record.mutable_time());
  record.set_operation(std::string(operation));
  record.set_actor(caller.name);
  if (credential.namespaces_size() == 1) record.set_namespace_(credential.namespaces(0));
  record.set_credential(credential.name());
  record.set_target(credential.target());
  record.set_outcome(v1::AUDIT_OUTCOME_SUCCEEDED);
  return append;
}

// Submits one change; done gets the credential with its new etag.
void CommitCredential(const Services& services, Change change, v1::Credential credential,
                      CredentialDone done) {
  std::vector<Change> changes;
  changes.push_back(std::move(change));
  services.commit(std::move(changes), [credential = std::move(credential), done = std::move(done)](
                                          absl::StatusOr<std::vector<ChangeResult>> results) {
    if (!results.ok()) return done(results.status());
    const ChangeResult& etag = results->front();
    if (!etag.ok()) return done(etag.status());
    v1::Credential committed = credential;
    committed.set_etag(*etag);
    done(std::move(committed));
  });
}

// Which of the fields an update means.
struct Mask {
  bool namespaces = false;
  bool secret = false;
};

Mask ReadMask(const v1::UpdateCredentialRequest& request, Violations* violations) {
  Mask mask;
  for (const std::string& path : request.update_mask().paths()) {
    if (path == "namespaces") {
      mask.namespaces = true;
    } else if (path == "secret") {
      mask.secret = true;
    } else {
      violations->Add("update_mask",
                      absl::StrCat("\"", path, "\" cannot be updated; namespaces and secret can"));
    }
  }
  if (request.update_mask().paths().empty()) {
    violations->Add("update_mask", "is required: namespaces, secret or both");
  }
  return mask;
}

// The stored credential, where the caller may change it.
absl::StatusOr<StoredCredential> FindToChange(const Services& services, const Caller& caller,
                                              const std::string& name) {
  absl::StatusOr<v1::Credential> seen = ReadCredential(services, caller, name);
  if (!seen.ok()) return seen.status();
  absl::StatusOr<StoredCredential> stored = services.store->GetCredential(name);
  if (!stored.ok()) return stored.status();
  if (absl::Status status = MayChange(caller, stored->credential); !status.ok()) return status;
  return stored;
}

// Makes the update's change out of what is stored; the new state is in `stored`.
absl::Status ApplyUpdate(const Services& services, const Caller& caller,
                         const v1::UpdateCredentialRequest& request, StoredCredential* stored) {
  Violations violations;
  const Mask mask = ReadMask(request, &violations);
  v1::Credential updated = stored->credential;
  if (mask.namespaces) {
    updated.clear_namespaces();
    for (std::string& name : ReadNamespaces(request.namespaces(), caller, &violations)) {
      updated.add_namespaces(std::move(name));
    }
  }
  if (mask.secret) {
    CheckSecret(request.secret(), &violations);
    if (violations.empty() && KindOf(request.secret()) != updated.kind()) {
      violations.Add("secret", absl::StrCat("is of the kind ", KindName(KindOf(request.secret())),
                                            ", and the credential of the kind ",
                                            KindName(updated.kind()), ", which cannot change"));
    }
  }
  if (!violations.empty()) return violations.ToStatus();
  if (absl::Status status = MayChange(caller, updated); !status.ok()) return status;
  v1::CredentialSecret secret = request.secret();
  if (!mask.secret) {
    absl::StatusOr<v1::CredentialSecret> opened = OpenSecret(*services.sealer, *stored);
    if (!opened.ok()) return opened.status();
    secret = *std::move(opened);
  }
  updated.set_target(TargetOf(secret));
  updated.set_updater(caller.name);
  SetTime(services.clock->Now(), updated.mutable_update_time());
  absl::StatusOr<std::string> sealed = SealSecret(*services.sealer, updated, secret);
  if (!sealed.ok()) return sealed.status();
  stored->credential = std::move(updated);
  stored->sealed = *std::move(sealed);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Credential> ReadCredential(const Services& services, const Caller& caller,
                                              const std::string& name) {
  absl::StatusOr<StoredCredential> stored = services.store->GetCredential(name);
  if (!stored.ok()) return stored.status();
  if (!MaySee(caller, stored->credential)) {
    return MakeError(
        absl::StatusCode::kNotFound, "CREDENTIAL_NOT_FOUND",
        absl::StrCat("credential ", name, ": not found in the namespace ", caller.name_space));
  }
  return Shown(caller, std::move(stored->credential));
}

absl::Status ListCredentials(const Services& services, const Caller& caller,
                             const v1::ListCredentialsRequest& request,
                             v1::ListCredentialsResponse* response) {
  CredentialQuery query;
  query.name_space = caller.name_space;
  if (!request.namespace_().empty()) {
    absl::StatusOr<std::string> name_space = ResolveNamespace(caller, request.namespace_());
    if (!name_space.ok()) return name_space.status();
    query.name_space = *std::move(name_space);
  }
  absl::StatusOr<int> size = ResolvePageSize(request.page_size());
  if (!size.ok()) return size.status();
  query.limit = *size;
  const std::string list = absl::StrCat("credentials/", query.name_space);
  absl::StatusOr<std::string> after = ReadPageToken(list, request.page_token());
  if (!after.ok()) return after.status();
  query.after_name = *std::move(after);
  absl::StatusOr<Page<StoredCredential>> page = services.store->ListCredentials(query);
  if (!page.ok()) return page.status();
  if (page->more) {
    response->set_next_page_token(MakePageToken(list, page->items.back().credential.name()));
  }
  for (StoredCredential& item : page->items) {
    *response->add_credentials() = Shown(caller, std::move(item.credential));
  }
  return absl::OkStatus();
}

void CreateCredential(const Services& services, const Caller& caller,
                      const v1::CreateCredentialRequest& request, CredentialDone done) {
  Violations violations;
  v1::Credential credential;
  credential.set_name(request.name());
  if (!IsName(request.name())) violations.Add("name", "is not 1 to 63 of [a-z0-9.-]");
  for (std::string& name : ReadNamespaces(request.namespaces(), caller, &violations)) {
    credential.add_namespaces(std::move(name));
  }
  CheckSecret(request.secret(), &violations);
  if (!violations.empty()) return done(violations.ToStatus());
  if (absl::Status status = MayChange(caller, credential); !status.ok()) return done(status);
  credential.set_kind(KindOf(request.secret()));
  credential.set_target(TargetOf(request.secret()));
  credential.set_updater(caller.name);
  SetTime(services.clock->Now(), credential.mutable_create_time());
  *credential.mutable_update_time() = credential.create_time();
  absl::StatusOr<std::string> sealed = SealSecret(*services.sealer, credential, request.secret());
  if (!sealed.ok()) return done(sealed.status());
  InsertCredential insert{credential, *std::move(sealed),
                          AuditOf(services, caller, "credential.create", credential)};
  CommitCredential(services, std::move(insert), std::move(credential), std::move(done));
}

void ChangeCredential(const Services& services, const Caller& caller,
                      const v1::UpdateCredentialRequest& request, CredentialDone done) {
  absl::StatusOr<StoredCredential> stored = FindToChange(services, caller, request.name());
  if (!stored.ok()) return done(stored.status());
  // What was read is what is changed: without an etag of the caller's, this read's.
  const std::string etag = request.etag().empty() ? stored->credential.etag() : request.etag();
  if (absl::Status status = ApplyUpdate(services, caller, request, &*stored); !status.ok()) {
    return done(status);
  }
  v1::Credential credential = stored->credential;
  UpdateCredential update{std::move(stored->credential), std::move(stored->sealed), etag,
                          AuditOf(services, caller, "credential.update", credential)};
  CommitCredential(services, std::move(update), std::move(credential),
                   [caller, done = std::move(done)](absl::StatusOr<v1::Credential> updated) {
                     if (!updated.ok()) return done(updated.status());
                     done(Shown(caller, *std::move(updated)));
                   });
}

void RemoveCredential(const Services& services, const Caller& caller, const std::string& name,
                      const std::string& etag, Done done) {
  absl::StatusOr<StoredCredential> stored = FindToChange(services, caller, name);
  if (!stored.ok()) return done(stored.status());
  DeleteCredential remove{name, etag.empty() ? stored->credential.etag() : etag,
                          AuditOf(services, caller, "credential.delete", stored->credential)};
  CommitCredential(services, std::move(remove), {},
                   [done = std::move(done)](const absl::StatusOr<v1::Credential>& removed) {
                     done(removed.status());
                   });
}

}  // namespace cronium::controller
