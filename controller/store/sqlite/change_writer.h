// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_SQLITE_CHANGE_WRITER_H_
#define CRONIUM_CONTROLLER_STORE_SQLITE_CHANGE_WRITER_H_

#include <cstdint>

#include "controller/core/store.h"
#include "controller/store/sqlite/connection.h"

namespace cronium::controller::sqlite {

// Writes the changes of one transaction. Each is checked before anything of it is written, so that
// one that cannot be made leaves no trace and the others go on.
//
// The caller begins and ends the transaction. Throws SQLite::Exception.
class ChangeWriter {
 public:
  // `last_revision`: the newest one ever given to a variable.
  ChangeWriter(Connection* connection, int64_t last_revision)
      : connection_(*connection), first_revision_(last_revision), revision_(last_revision) {}

  // Writes the change; its value, or why it was not made.
  ChangeResult Apply(const Change& change);

  // Writes what the transaction as a whole needs. Call it before the end.
  void Finish();

  int64_t last_revision() const { return revision_; }

 private:
  ChangeResult Write(const InsertJob& change);
  ChangeResult Write(const UpdateJob& change);
  ChangeResult Write(const PutExecution& change);
  ChangeResult Write(const PutOutput& change);
  ChangeResult Write(const PutCondition& change);
  ChangeResult Write(const DeleteEndedJob& change);
  ChangeResult Write(const ReclaimSpace& change);
  ChangeResult Write(const PutNode& change);
  ChangeResult Write(const SetVariable& change);
  ChangeResult Write(const DeleteVariable& change);
  ChangeResult Write(const IncrementVariable& change);
  ChangeResult Write(const AppendVariable& change);
  ChangeResult Write(const BeginEffect& change);
  ChangeResult Write(const FinishEffect& change);
  ChangeResult Write(const CancelEffect& change);
  ChangeResult Write(const SweepIdempotencyRecords& change);
  ChangeResult Write(const InsertCredential& change);
  ChangeResult Write(const UpdateCredential& change);
  ChangeResult Write(const DeleteCredential& change);
  ChangeResult Write(const TouchCredential& change);
  ChangeResult Write(const AppendAudit& change);
  ChangeResult Write(const PutApiToken& change);

  // Gives the variable its next revision and this value; the etag.
  std::string PutVariable(const v1::Variable& variable, const std::string& value_json);

  Connection& connection_;
  const int64_t first_revision_;
  int64_t revision_;
};

}  // namespace cronium::controller::sqlite

#endif  // CRONIUM_CONTROLLER_STORE_SQLITE_CHANGE_WRITER_H_
