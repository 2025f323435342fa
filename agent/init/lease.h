// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_LEASE_H_
#define CRONIUM_AGENT_INIT_LEASE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/init/event_loop.h"
#include "agent/init/timer.h"

namespace cronium::agent::init {

// The time at which the job must have ended, as CLOCK_BOOTTIME nanoseconds; or no such time.
struct Lease {
  bool keep = false;
  int64_t end_ns = 0;
};

// Reads "keep" or decimal nanoseconds, with or without one newline. False for anything else.
bool ParseLease(std::string_view text, Lease* lease);

// Reads the lease file. An empty result is success; else it says what is wrong with the file.
std::string ReadLease(const std::string& path, Lease* lease);

// Tells its listener, once, that the job's time is up.
//
// The agent renews a lease by renaming a new file over the old one, and tells nobody. So the file
// is read again when the last known end has come: a later end re-arms the timer. A file that is
// missing or garbled by then changes nothing: the last known end stands, and it has come. A lease
// of "keep" has no end and is not read again.
//
// Belongs to the supervisor; lives on the loop's thread.
class LeaseTimer final : public EventLoop::Handler {
 public:
  class Listener {
   public:
    // At CLOCK_BOOTTIME end_ns; some time ago where the host was suspended or the container paused.
    virtual void OnLeaseEnded(int64_t end_ns) = 0;

   protected:
    ~Listener() = default;
  };

  // False, with errno set, when the kernel gives no timer.
  bool Start(EventLoop* loop, const std::string& path, const Lease& lease, Listener* listener);

  void OnEvent(int fd, uint32_t events) override;

 private:
  void Arm(const Lease& lease);

  Timer timer_;
  std::string path_;
  int64_t end_ns_ = 0;
  Listener* listener_ = nullptr;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_LEASE_H_
