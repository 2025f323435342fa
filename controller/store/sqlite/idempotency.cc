// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite/idempotency.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "controller/store/sqlite/rows.h"

namespace cronium::controller::sqlite {
namespace {

// How many old records one new one may push out: more than one, so that the search for them is not
// made for each.
constexpr int kEvictAtOnce = 64;

absl::Status KeyReused(const IdempotencyKey& once) {
  return MakeError(absl::StatusCode::kAlreadyExists, "IDEMPOTENCY_KEY_REUSED",
                   absl::StrCat("the idempotency key ", once.key,
                                " was used for another call; take a new key for each call, and the "
                                "same one only to repeat a call as it was"),
                   {{"key", once.key}});
}

absl::Status EffectNotBegun(const IdempotencyKey& once) {
  return MakeError(absl::StatusCode::kNotFound, "EFFECT_NOT_BEGUN",
                   absl::StrCat("no effect is under way with the idempotency key ", once.key),
                   {{"key", once.key}});
}

std::optional<IdempotencyRecord> ReadRecord(Query& row) {
  if (!row.Step()) return std::nullopt;
  return IdempotencyRecord{.digest = std::string(row.Bytes(0)),
                           .done = row.Int(1) != 0,
                           .result = std::string(row.Bytes(2))};
}

}  // namespace

absl::StatusOr<std::optional<IdempotencyRecord>> FindRecord(Connection& connection,
                                                            absl::string_view execution_id,
                                                            absl::string_view key) {
  Query row(connection,
            "SELECT r.digest, r.done, r.result FROM executions e "
            "JOIN idempotency_records r ON r.execution = e.pk WHERE e.id = ? AND r.key = ?",
            execution_id, key);
  return ReadRecord(row);
}

absl::StatusOr<int64_t> IdempotencyWriter::FindLive(absl::string_view execution_id) {
  Query row(connection_, "SELECT pk, state FROM executions WHERE id = ?", execution_id);
  if (!row.Step()) return ExecutionNotFound(execution_id);
  if (row.Int(1) >= kFirstEndState) return ExecutionEnded(execution_id);
  return row.Int(0);
}

ChangeResult IdempotencyWriter::Once(const IdempotencyKey& once,
                                     const std::function<ChangeResult()>& effect,
                                     bool keep_result) {
  const absl::StatusOr<int64_t> execution = FindLive(once.execution_id);
  if (!execution.ok()) return execution.status();
  {
    Query row(connection_,
              "SELECT digest, done, result FROM idempotency_records "
              "WHERE execution = ? AND key = ?",
              *execution, once.key);
    if (std::optional<IdempotencyRecord> record = ReadRecord(row); record.has_value()) {
      if (record->digest != once.digest || !record->done) return KeyReused(once);
      return std::move(record->result);
    }
  }
  if (absl::Status room = MakeRoom(*execution, once.time); !room.ok()) return room;
  ChangeResult result = effect();
  if (result.ok()) Insert(*execution, once, /*done=*/true, keep_result ? *result : "");
  return result;
}

ChangeResult IdempotencyWriter::Begin(const IdempotencyKey& once) {
  const absl::StatusOr<int64_t> execution = FindLive(once.execution_id);
  if (!execution.ok()) return execution.status();
  {
    Query row(connection_,
              "SELECT digest, done, result FROM idempotency_records "
              "WHERE execution = ? AND key = ?",
              *execution, once.key);
    if (std::optional<IdempotencyRecord> record = ReadRecord(row); record.has_value()) {
      if (record->digest != once.digest) return KeyReused(once);
      return MakeError(absl::StatusCode::kAlreadyExists, "EFFECT_BEGUN",
                       absl::StrCat("an effect with the idempotency key ", once.key, " was ",
                                    record->done ? "made" : "begun", " already"),
                       {{"key", once.key}});
    }
  }
  if (absl::Status room = MakeRoom(*execution, once.time); !room.ok()) return room;
  Insert(*execution, once, /*done=*/false, "");
  return "";
}

std::optional<int64_t> IdempotencyWriter::FindIntent(const IdempotencyKey& once,
                                                     int64_t* execution) {
  Query row(connection_,
            "SELECT r.pk, r.execution FROM executions e "
            "JOIN idempotency_records r ON r.execution = e.pk "
            "WHERE e.id = ? AND r.key = ? AND r.digest = ? AND NOT r.done",
            once.execution_id, once.key, Blob(once.digest));
  if (!row.Step()) return std::nullopt;
  *execution = row.Int(1);
  return row.Int(0);
}

ChangeResult IdempotencyWriter::Finish(const IdempotencyKey& once, const std::string& result) {
  int64_t execution = 0;
  const std::optional<int64_t> pk = FindIntent(once, &execution);
  if (!pk.has_value()) return EffectNotBegun(once);
  Query(connection_, "UPDATE idempotency_records SET done = 1, result = ? WHERE pk = ?",
        Blob(result), *pk)
      .Run();
  return "";
}

ChangeResult IdempotencyWriter::Cancel(const IdempotencyKey& once) {
  int64_t execution = 0;
  const std::optional<int64_t> pk = FindIntent(once, &execution);
  if (!pk.has_value()) return EffectNotBegun(once);
  Query(connection_, "DELETE FROM idempotency_records WHERE pk = ?", *pk).Run();
  AddToHeld(execution, -1);
  return "";
}

ChangeResult IdempotencyWriter::Sweep(absl::Time ended_before, int limit) {
  int swept = 0;
  while (swept < limit) {
    int64_t execution = 0;
    {
      Query oldest(connection_,
                   "SELECT execution FROM idempotency_holders WHERE end_time_ns < ? "
                   "ORDER BY end_time_ns LIMIT 1",
                   absl::ToUnixNanos(ended_before));
      if (!oldest.Step()) break;
      execution = oldest.Int(0);
    }
    const int removed = Query(connection_,
                              "DELETE FROM idempotency_records WHERE pk IN "
                              "(SELECT pk FROM idempotency_records WHERE execution = ? LIMIT ?)",
                              execution, limit - swept)
                            .Run();
    swept += removed;
    if (swept < limit) {
      Query(connection_, "DELETE FROM idempotency_holders WHERE execution = ?", execution).Run();
    }
  }
  return absl::StrCat(swept);
}

void IdempotencyWriter::MarkEnded(absl::string_view execution_id, int64_t end_time_ns) {
  Query(connection_,
        "UPDATE idempotency_holders SET end_time_ns = ? "
        "WHERE execution = (SELECT pk FROM executions WHERE id = ?)",
        end_time_ns, execution_id)
      .Run();
}

absl::Status IdempotencyWriter::MakeRoom(int64_t execution, absl::Time now) {
  {
    Query held(connection_, "SELECT held FROM idempotency_holders WHERE execution = ?", execution);
    if (!held.Step() || held.Int(0) < kMaxIdempotencyKeys) return absl::OkStatus();
  }
  const int evicted = Query(connection_,
                            "DELETE FROM idempotency_records WHERE pk IN "
                            "(SELECT pk FROM idempotency_records INDEXED BY idempotency_by_age "
                            "WHERE execution = ? AND done AND create_time_ns < ? "
                            "ORDER BY create_time_ns LIMIT ?)",
                            execution, absl::ToUnixNanos(now - kMinIdempotencyAge), kEvictAtOnce)
                          .Run();
  if (evicted > 0) {
    AddToHeld(execution, -evicted);
    return absl::OkStatus();
  }
  return MakeRetryableError(
      absl::StatusCode::kResourceExhausted, "IDEMPOTENCY_KEYS_EXHAUSTED",
      absl::StrCat("this execution has used ", kMaxIdempotencyKeys,
                   " idempotency keys within an hour, which is the limit; make fewer calls that "
                   "change something, or make them without an Idempotency-Key"),
      absl::Minutes(1));
}

void IdempotencyWriter::Insert(int64_t execution, const IdempotencyKey& once, bool done,
                               const std::string& result) {
  Query(connection_,
        "INSERT INTO idempotency_records(execution, key, digest, done, result, create_time_ns) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        execution, once.key, Blob(once.digest), done ? 1 : 0, Blob(result),
        absl::ToUnixNanos(once.time))
      .Run();
  AddToHeld(execution, 1);
}

void IdempotencyWriter::AddToHeld(int64_t execution, int64_t more) {
  Query(connection_,
        "INSERT INTO idempotency_holders(execution, held) VALUES (?, ?) "
        "ON CONFLICT(execution) DO UPDATE SET held = held + excluded.held",
        execution, more)
      .Run();
}

}  // namespace cronium::controller::sqlite
