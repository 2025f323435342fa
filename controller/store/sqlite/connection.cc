// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite/connection.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace cronium::controller::sqlite {
namespace {

constexpr int kStepsPerCall = 10'000;

absl::StatusCode CodeOf(int primary) {
  switch (primary) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status ToStatus(absl::string_view what, const SQLite::Exception& error) {
  // The library's own misuse checks carry the code -1.
  const int code = error.getErrorCode();
  return absl::Status(CodeOf(code & 0xff), absl::StrCat(what, ": ", error.what(), " (SQLite ",
                                                        error.getExtendedErrorCode(), ")"));
}

SQLite::Statement& Connection::Prepared(absl::string_view sql) {
  auto it = statements_.find(sql);
  if (it == statements_.end()) {
    if (statements_.size() >= kMaxStatements) statements_.clear();
    std::string text(sql);
    auto statement = std::make_unique<SQLite::Statement>(db_, text);
    it = statements_.emplace(std::move(text), std::move(statement)).first;
  }
  it->second->tryReset();
  it->second->clearBindings();
  return *it->second;
}

StepLimit::StepLimit(Connection& connection, int64_t steps)
    : connection_(connection), left_(steps) {
  sqlite3_progress_handler(connection_.db().getHandle(), kStepsPerCall, &StepLimit::Count, this);
}

StepLimit::~StepLimit() {
  sqlite3_progress_handler(connection_.db().getHandle(), 0, nullptr, nullptr);
}

int StepLimit::Count(void* self) {
  return (static_cast<StepLimit*>(self)->left_ -= kStepsPerCall) < 0 ? 1 : 0;
}

}  // namespace cronium::controller::sqlite
