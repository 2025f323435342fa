// SPDX-License-Identifier: Apache-2.0
#include "controller/process/secrets_keys.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/fault.h"
#include "common/log.h"
#include "controller/actions/credential_rules.h"
#include "controller/secrets/key_file.h"
#include "controller/store/sqlite/sqlite_store.h"

namespace cronium::controller {
namespace {

absl::StatusOr<std::vector<StoredCredential>> AllCredentials(Store* store) {
  CredentialQuery query;
  query.limit = kMaxCredentials;
  absl::StatusOr<Page<StoredCredential>> page = store->ListCredentials(query);
  if (!page.ok()) return page.status();
  return std::move(page->items);
}

// The keys there are; a new file where there is none and nothing would need another.
absl::StatusOr<std::vector<SealingKey>> ReadOrMakeKeys(const DataDir& data, Store* store) {
  absl::StatusOr<std::vector<SealingKey>> keys = ReadSealingKeys(data.secrets_key());
  if (!absl::IsNotFound(keys.status())) return keys;
  absl::StatusOr<std::vector<StoredCredential>> credentials = AllCredentials(store);
  if (!credentials.ok()) return credentials.status();
  if (!credentials->empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        data.secrets_key(), ": is missing, and ", credentials->size(),
        " credentials are sealed with it: restore it from a backup. To go on without them: "
        "`cronium-controller rotate-secrets-key --discard-unreadable`, then create them anew"));
  }
  if (absl::Status made = MakeSealingKeyFile(data.secrets_key()); !made.ok()) return made;
  LogInfo("made the key that seals secrets", {{"path", data.secrets_key()}});
  return ReadSealingKeys(data.secrets_key());
}

// The changes that seal every credential anew.
absl::StatusOr<std::vector<Change>> SealAnew(const std::vector<StoredCredential>& credentials,
                                             const Sealer& sealer, bool discard,
                                             RotateResult* result) {
  std::vector<Change> changes;
  for (const StoredCredential& stored : credentials) {
    const absl::StatusOr<v1::CredentialSecret> secret = OpenSecret(sealer, stored);
    if (!secret.ok() && !discard) {
      return absl::FailedPreconditionError(
          absl::StrCat(secret.status().message(),
                       ". Nothing was changed; --discard-unreadable "
                       "deletes such credentials"));
    }
    if (!secret.ok()) {
      changes.push_back(DeleteCredential{stored.credential.name(), ""});
      ++result->discarded;
      continue;
    }
    absl::StatusOr<std::string> sealed = SealSecret(sealer, stored.credential, *secret);
    if (!sealed.ok()) return sealed.status();
    changes.push_back(UpdateCredential{stored.credential, *std::move(sealed), ""});
    ++result->sealed;
  }
  return changes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sealer>> OpenSealer(const DataDir& data, Store* store) {
  absl::StatusOr<std::vector<SealingKey>> keys = ReadOrMakeKeys(data, store);
  if (!keys.ok()) return keys.status();
  return std::make_unique<Sealer>(*std::move(keys));
}

absl::StatusOr<RotateResult> RotateSecretsKey(const DataDir& data, const RotateOptions& options) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open({data.database()});
  if (!store.ok()) return store.status();
  absl::StatusOr<std::vector<SealingKey>> keys = ReadSealingKeys(data.secrets_key());
  if (absl::IsNotFound(keys.status())) keys = std::vector<SealingKey>();
  if (!keys.ok()) return keys.status();
  absl::StatusOr<SealingKey> key = NewSealingKey();
  if (!key.ok()) return key.status();
  keys->insert(keys->begin(), *key);
  absl::StatusOr<std::vector<StoredCredential>> credentials = AllCredentials(store->get());
  if (!credentials.ok()) return credentials.status();
  RotateResult result;
  result.key_id = key->id;
  absl::StatusOr<std::vector<Change>> changes =
      SealAnew(*credentials, Sealer(*keys), options.discard_unreadable, &result);
  if (!changes.ok()) return changes.status();
  // The key is durable before anything is sealed with it.
  if (absl::Status status = WriteSealingKeys(data.secrets_key(), *keys); !status.ok()) {
    return status;
  }
  FaultOn("controller.keys.written");
  if (!changes->empty()) {
    absl::StatusOr<std::vector<ChangeResult>> committed = (*store)->Commit(*changes);
    if (!committed.ok()) return committed.status();
    for (const ChangeResult& change : *committed) {
      if (!change.ok()) return change.status();
    }
  }
  if (options.drop_old_keys) {
    keys->resize(1);
    if (absl::Status status = WriteSealingKeys(data.secrets_key(), *keys); !status.ok()) {
      return status;
    }
  }
  result.keys = keys->size();
  return result;
}

}  // namespace cronium::controller
