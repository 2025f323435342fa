// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_DRAIN_H_
#define CRONIUM_AGENT_INIT_DRAIN_H_

#include <cstdint>
#include <vector>

#include "agent/init/event_loop.h"
#include "agent/init/timer.h"
#include "agent/init/unique_fd.h"

namespace cronium::agent::init {

// How often the FIFOs are looked at. A FIFO offers no event for "drained", so this is a poll: at
// first and after each progress every millisecond, then less and less often.
constexpr int64_t kMinDrainPollMs = 1;
constexpr int64_t kMaxDrainPollMs = 20;
// After the lease's end: how long a reader may read nothing, and how long it may take in all.
constexpr int64_t kMaxIdleDrainMs = 1'000;
constexpr int64_t kMaxDrainAfterLeaseMs = 10'000;

// Waits until all that FIFOs hold has been read, once nobody writes any more. While the lease runs
// it waits for as long as it takes: the reader may be an agent that is being restarted. After the
// lease's end it goes on only while bytes are being read, and within the bounds above.
//
// Belongs to the supervisor; lives on the loop's thread. The FIFOs are the caller's.
class Drain final : public EventLoop::Handler {
 public:
  class Listener {
   public:
    // `complete`: the FIFOs are empty. Else the lease ended and nobody read on.
    virtual void OnDrained(bool complete) = 0;

   protected:
    ~Listener() = default;
  };

  // False, with errno set, when the kernel gives no timer.
  bool Open(EventLoop* loop, Listener* listener);

  // Calls the listener once, perhaps before it returns. May be called again after that.
  void Start(std::vector<const UniqueFd*> fifos);

  // May come before Start, or while draining.
  void LeaseEnded();

  void OnEvent(int fd, uint32_t events) override;

 private:
  void Poll();

  Timer timer_;
  Listener* listener_ = nullptr;
  std::vector<const UniqueFd*> fifos_;
  int64_t poll_ms_ = kMinDrainPollMs;
  int64_t left_bytes_ = 0;
  int64_t progress_ns_ = 0;     // when bytes were last seen to have been read
  int64_t lease_ended_ns_ = 0;  // 0: it runs
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_DRAIN_H_
