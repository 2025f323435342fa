// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite/read_pool.h"

namespace cronium::controller::sqlite {

ReadPool::Lease ReadPool::Acquire() {
  {
    MutexLock lock(&mutex_);
    while (idle_.empty() && unopened_ == 0) returned_.Wait(&mutex_);
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return Lease(this, std::move(connection));
    }
    --unopened_;
  }
  try {
    return Lease(this, std::make_unique<Connection>(path_, SQLite::OPEN_READONLY));
  } catch (const SQLite::Exception&) {
    Return(nullptr);
    throw;
  }
}

void ReadPool::Return(std::unique_ptr<Connection> connection) {
  MutexLock lock(&mutex_);
  if (connection != nullptr) {
    idle_.push_back(std::move(connection));
  } else {
    ++unopened_;
  }
  returned_.NotifyOne();
}

}  // namespace cronium::controller::sqlite
