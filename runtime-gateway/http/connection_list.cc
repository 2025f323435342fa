// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/http/connection_list.h"

#include <sys/socket.h>

#include <algorithm>
#include <iterator>

namespace cronium::gateway {

int ConnectionList::Add(int fd, Handle* handle) {
  const int64_t now_ns = clock_->BoottimeNs();
  MutexLock lock(&mutex_);
  entries_.push_back({.fd = fd, .waits_since_ns = now_ns});
  *handle = std::prev(entries_.end());
  if (entries_.size() - ended_ <= limit_) return 0;
  const auto longest = std::find_if(entries_.begin(), *handle, [](const Entry& entry) {
    return !entry.under_way && !entry.ended;
  });
  if (longest == *handle) return 0;  // All others are under way.
  End(&*longest);
  ++ended_;
  return 1;
}

void ConnectionList::Remove(Handle handle) {
  MutexLock lock(&mutex_);
  if (handle->ended) --ended_;
  entries_.erase(handle);
}

void ConnectionList::Begin(Handle handle) {
  MutexLock lock(&mutex_);
  handle->under_way = true;
}

void ConnectionList::WaitForRest(Handle handle) {
  MutexLock lock(&mutex_);
  handle->under_way = false;
}

void ConnectionList::Answered(Handle handle) {
  const int64_t now_ns = clock_->BoottimeNs();
  MutexLock lock(&mutex_);
  handle->under_way = false;
  handle->waits_since_ns = now_ns;
  entries_.splice(entries_.end(), entries_, handle);
}

int ConnectionList::EndThoseWaiting(absl::Duration longer_than) {
  const int64_t before_ns = clock_->BoottimeNs() - absl::ToInt64Nanoseconds(longer_than);
  MutexLock lock(&mutex_);
  int count = 0;
  for (Entry& entry : entries_) {
    if (entry.waits_since_ns >= before_ns) break;
    if (entry.under_way || entry.ended) continue;
    End(&entry);
    ++ended_;
    ++count;
  }
  return count;
}

void ConnectionList::End(Entry* entry) {
  entry->ended = true;
  shutdown(entry->fd, SHUT_RDWR);
}

}  // namespace cronium::gateway
