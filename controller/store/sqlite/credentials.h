// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_SQLITE_CREDENTIALS_H_
#define CRONIUM_CONTROLLER_STORE_SQLITE_CREDENTIALS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/core/store.h"
#include "controller/store/sqlite/connection.h"

// Credentials and audit records. All throw SQLite::Exception.
namespace cronium::controller::sqlite {

// CREDENTIAL_NOT_FOUND.
absl::StatusOr<StoredCredential> ReadCredential(Connection& connection, absl::string_view name);
absl::StatusOr<Page<StoredCredential>> ListCredentials(Connection& connection,
                                                       const CredentialQuery& query);
absl::StatusOr<Page<v1::AuditRecord>> ListAudit(Connection& connection, const AuditQuery& query);

// Within the transaction of a ChangeWriter.
class CredentialWriter {
 public:
  explicit CredentialWriter(Connection* connection) : connection_(*connection) {}

  // `revision`: the credential's new one, where the change is made. As the changes of these names.
  ChangeResult Insert(const InsertCredential& change, int64_t revision);
  ChangeResult Update(const UpdateCredential& change, int64_t revision);
  ChangeResult Delete(const DeleteCredential& change);
  ChangeResult Touch(const TouchCredential& change);
  ChangeResult Append(const AppendAudit& change);

 private:
  // OK where the credential is there and has this etag.
  absl::Status Check(const std::string& name, const std::string& expected_etag);
  void PutGrants(const v1::Credential& credential);

  Connection& connection_;
};

}  // namespace cronium::controller::sqlite

#endif  // CRONIUM_CONTROLLER_STORE_SQLITE_CREDENTIALS_H_
