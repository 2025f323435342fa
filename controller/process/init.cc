// SPDX-License-Identifier: Apache-2.0
#include "controller/process/init.h"

#include <unistd.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/ids.h"
#include "common/pki/pki.h"
#include "common/token/token.h"
#include "controller/auth/secrets.h"
#include "controller/process/certificates.h"
#include "controller/secrets/key_file.h"
#include "controller/store/sqlite/sqlite_store.h"

namespace cronium::controller {
namespace {

constexpr absl::Duration kCaLife = absl::Hours(24 * 365 * 10);

absl::Status StoreAdminToken(const DataDir& data, const std::string& token, absl::Time now) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open({data.database()});
  if (!store.ok()) return store.status();
  ApiToken admin;
  admin.hash = HashSecret(token);
  admin.name = "admin";
  admin.role = v1::ROLE_ADMIN;
  admin.create_time = now;
  const Change change = PutApiToken{admin};
  return (*store)->Commit({&change, 1}).status();
}

absl::Status WriteSecret(const std::string& path, absl::string_view content) {
  return WriteFileAtomic(path, content, 0600, /*sync=*/true);
}

// What an earlier run that broke off left is taken: secrets may be sealed with it already.
absl::Status EnsureSecretsKey(const DataDir& data) {
  absl::Status made = MakeSealingKeyFile(data.secrets_key());
  return absl::IsAlreadyExists(made) ? absl::OkStatus() : made;
}

}  // namespace

absl::Status Init(const DataDir& data, const InitOptions& options, absl::Time now) {
  if (!IsName(options.cluster)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--cluster-name: \"", options.cluster, "\" is not 1 to 63 of [a-z0-9.-]"));
  }
  if (access(data.ca_certificate().c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(absl::StrCat(
        data.path,
        " is set up already; remove it to begin again, which makes all its certificates "
        "worthless"));
  }
  if (absl::Status status = MakeDirectories(data.path, 0700); !status.ok()) return status;
  absl::StatusOr<KeyAndCertificate> ca =
      MakeCa(options.cluster, now - absl::Hours(1), now + kCaLife);
  if (!ca.ok()) return ca.status();
  absl::StatusOr<std::string> token_key = TokenSigner::GenerateKeyPem();
  if (!token_key.ok()) return token_key.status();
  const std::string admin_token = NewApiToken();
  // The CA's certificate comes last: it is what says that the folder is set up.
  for (absl::Status status : {WriteSecret(data.token_key(), *token_key), EnsureSecretsKey(data),
                              StoreAdminToken(data, admin_token, now),
                              WriteSecret(data.admin_token(), absl::StrCat(admin_token, "\n")),
                              WriteSecret(data.ca_key(), ca->key_pem)}) {
    if (!status.ok()) return status;
  }
  if (absl::Status status = IssueControllerCertificate(data, *ca, options.hosts, now);
      !status.ok()) {
    return status;
  }
  return WriteFileAtomic(data.ca_certificate(), ca->certificate_pem, 0644, /*sync=*/true);
}

}  // namespace cronium::controller
