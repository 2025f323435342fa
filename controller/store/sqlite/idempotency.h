// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_SQLITE_IDEMPOTENCY_H_
#define CRONIUM_CONTROLLER_STORE_SQLITE_IDEMPOTENCY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/core/store.h"
#include "controller/store/sqlite/connection.h"

namespace cronium::controller::sqlite {

absl::StatusOr<std::optional<IdempotencyRecord>> FindRecord(Connection& connection,
                                                            absl::string_view execution_id,
                                                            absl::string_view key);

// The executions' idempotency records, within the transaction of a ChangeWriter. Throws
// SQLite::Exception.
class IdempotencyWriter {
 public:
  explicit IdempotencyWriter(Connection* connection) : connection_(*connection) {}

  // The execution's row, where it has not ended. EXECUTION_NOT_FOUND, EXECUTION_ENDED.
  absl::StatusOr<int64_t> FindLive(absl::string_view execution_id);

  // Runs the effect, which changes nothing where it fails, unless its key was used: then the first
  // result, or empty where it was not to be kept, or why the key cannot be used.
  ChangeResult Once(const IdempotencyKey& once, const std::function<ChangeResult()>& effect,
                    bool keep_result = true);

  ChangeResult Begin(const IdempotencyKey& once);
  ChangeResult Finish(const IdempotencyKey& once, const std::string& result);
  ChangeResult Cancel(const IdempotencyKey& once);
  ChangeResult Sweep(absl::Time ended_before, int limit);

  // The execution has ended, so that its records' time runs out.
  void MarkEnded(absl::string_view execution_id, int64_t end_time_ns);

 private:
  // Makes sure that the execution may hold one more. RESOURCE_EXHAUSTED.
  absl::Status MakeRoom(int64_t execution, absl::Time now);
  void Insert(int64_t execution, const IdempotencyKey& once, bool done, const std::string& result);
  void AddToHeld(int64_t execution, int64_t more);
  // Of an effect that was begun and not finished.
  std::optional<int64_t> FindIntent(const IdempotencyKey& once, int64_t* execution);

  Connection& connection_;
};

}  // namespace cronium::controller::sqlite

#endif  // CRONIUM_CONTROLLER_STORE_SQLITE_IDEMPOTENCY_H_
