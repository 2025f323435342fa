// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_SQLITE_ROWS_H_
#define CRONIUM_CONTROLLER_STORE_SQLITE_ROWS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/error.h"
#include "google/protobuf/timestamp.pb.h"

// What reading and writing rows share: how values are written, and what is said of missing ones.
namespace cronium::controller::sqlite {

// Of jobs and executions; states below it are live, as the schema's partial indexes have it.
inline constexpr int kFirstEndState = 50;

inline int64_t ToNanos(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000'000 + time.nanos();
}

inline std::string EtagOf(int64_t revision) { return absl::StrCat(revision); }

// DATA_LOSS where a blob is not the message that it should be.
template <typename Message>
absl::Status ParseRow(absl::string_view bytes, absl::string_view what, Message* message) {
  if (message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("the database's row of a ", what, " is damaged"));
}

inline absl::Status NotFound(absl::string_view reason, absl::string_view kind,
                             absl::string_view name) {
  return MakeError(absl::StatusCode::kNotFound, reason,
                   absl::StrCat(kind, " ", name, ": not found"));
}
inline absl::Status JobNotFound(absl::string_view id) {
  return NotFound("JOB_NOT_FOUND", "job", id);
}
inline absl::Status ExecutionNotFound(absl::string_view id) {
  return NotFound("EXECUTION_NOT_FOUND", "execution", id);
}
inline absl::Status ExecutionEnded(absl::string_view id) {
  return MakeError(absl::StatusCode::kPermissionDenied, "EXECUTION_ENDED",
                   absl::StrCat("execution ", id, " has ended"), {{"execution_id", id}});
}
inline absl::Status NodeNotFound(absl::string_view name) {
  return NotFound("NODE_NOT_FOUND", "node", name);
}
inline absl::Status VariableNotFound(absl::string_view key) {
  return NotFound("VARIABLE_NOT_FOUND", "variable", key);
}

}  // namespace cronium::controller::sqlite

#endif  // CRONIUM_CONTROLLER_STORE_SQLITE_ROWS_H_
