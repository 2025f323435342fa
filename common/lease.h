// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_LEASE_H_
#define CRONIUM_COMMON_LEASE_H_

#include <cstdint>

#include "absl/time/time.h"

// When an execution whose node is out of contact ends: the one rule that agent and controller run.
//
//   agent        heartbeat sent                         lease ends: TERM,
//                at t0          \                       and KILL a stop grace later
//   ---------------+-------------\----------------------+----------------------------------->
//                                 \    t0 + lost_after
//   ----------------------------+------------------------------------------+---------------->
//   controller            received at t1         t1 + lost_after + grace: the execution is LOST
//
// t0 is before t1 whatever the network did, so the agent's end always comes first. Each side uses
// its own clock, and only for differences. The grace covers what happens after the agent's end: the
// job's own stop grace, the kill itself, and two clocks that do not run equally fast.
namespace cronium {

enum class LeaseSide { kAgent, kController };

// For the kill and what it waits for, beyond the job's stop grace.
inline constexpr absl::Duration kLeaseKillMargin = absl::Seconds(5);
// One part in this many of lost_after: NTP slews a clock by at most 500 ppm (RFC 5905), each way.
inline constexpr int kLeaseDriftDivisor = 1000;

// The end of a lease, in ns on the clock of `contact_ns`. Contact is, for the agent, the newest
// send time that the controller echoed; for the controller, the newest receipt, counted afresh
// after its own start. Never overflows: what is too far is INT64_MAX.
int64_t LeaseEndNs(LeaseSide side, int64_t contact_ns, absl::Duration lost_after,
                   absl::Duration stop_grace);

}  // namespace cronium

#endif  // CRONIUM_COMMON_LEASE_H_
