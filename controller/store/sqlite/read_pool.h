// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_STORE_SQLITE_READ_POOL_H_
#define CRONIUM_CONTROLLER_STORE_SQLITE_READ_POOL_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "controller/store/sqlite/connection.h"

namespace cronium::controller::sqlite {

// A fixed number of read-only connections, opened when first needed; who finds none free waits.
// Thread-safe.
class ReadPool {
 public:
  ReadPool(std::string path, int connections) : path_(std::move(path)), unopened_(connections) {}

  // A connection for the time of one read; goes back to the pool when destroyed.
  class Lease {
   public:
    Lease(ReadPool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    ~Lease() { pool_->Return(std::move(connection_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Connection& operator*() const { return *connection_; }

   private:
    ReadPool* const pool_;
    std::unique_ptr<Connection> connection_;
  };

  // Throws SQLite::Exception where a connection cannot be opened.
  Lease Acquire() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Return(std::unique_ptr<Connection> connection) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string path_;
  Mutex mutex_;
  CondVar returned_;
  // The one used last is taken first: its pages are the warmest.
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
  int unopened_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller::sqlite

#endif  // CRONIUM_CONTROLLER_STORE_SQLITE_READ_POOL_H_
