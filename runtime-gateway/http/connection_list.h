// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HTTP_CONNECTION_LIST_H_
#define CRONIUM_RUNTIME_GATEWAY_HTTP_CONNECTION_LIST_H_

#include <cstddef>
#include <list>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"

namespace cronium::gateway {

// The connections of one loop, so that no client can keep others out: where there are more than
// the limit, the one that has kept us waiting longest is ended. A connection keeps us waiting while
// its next request is not whole (nothing came yet, or a head or body that trickles in), and while
// it does not take its answer; not while its request is under way.
//
// Ending is shutdown(2) of its socket: libmicrohttpd then sees its end and closes it. Thread-safe.
class ConnectionList {
 public:
  struct Entry {
    int fd;
    // Since when it keeps us waiting; of a clock that does not jump.
    int64_t waits_since_ns;
    bool under_way = false;
    bool ended = false;
  };
  using Handle = std::list<Entry>::iterator;

  // clock is borrowed.
  ConnectionList(size_t limit, const Clock* clock) : limit_(limit), clock_(clock) {}
  ConnectionList(const ConnectionList&) = delete;
  ConnectionList& operator=(const ConnectionList&) = delete;

  // A new connection. How many were ended for it, 0 or 1.
  int Add(int fd, Handle* handle);
  // Before its socket is closed.
  void Remove(Handle handle);

  // Its request is under way: it is not ended.
  void Begin(Handle handle);
  // The rest of its request is waited for, as it was before Begin.
  void WaitForRest(Handle handle);
  // It has its answer, or takes it: from now on it keeps us waiting.
  void Answered(Handle handle);

  // Ends those that have kept us waiting for longer; how many.
  int EndThoseWaiting(absl::Duration longer_than);

 private:
  static void End(Entry* entry);

  const size_t limit_;
  const Clock* const clock_;
  Mutex mutex_;
  // Longest waiting first; those under way have kept their place.
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  // Of those, ended and soon removed.
  size_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_HTTP_CONNECTION_LIST_H_
