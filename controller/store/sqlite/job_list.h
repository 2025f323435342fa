// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_SQLITE_JOB_LIST_H_
#define CRONIUM_CONTROLLER_STORE_SQLITE_JOB_LIST_H_

#include "absl/status/statusor.h"
#include "controller/core/store.h"
#include "controller/store/sqlite/connection.h"

namespace cronium::controller::sqlite {

// Store::ListJobs. Walks one index in the order of the list and checks the other filters row by
// row; RESOURCE_EXHAUSTED (LISTING_TOO_BROAD) where that takes too many rows. Throws
// SQLite::Exception.
absl::StatusOr<Page<v1::Job>> ListJobs(Connection& connection, const JobQuery& query);

}  // namespace cronium::controller::sqlite

#endif  // CRONIUM_CONTROLLER_STORE_SQLITE_JOB_LIST_H_
