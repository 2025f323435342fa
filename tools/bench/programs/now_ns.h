// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_NOW_NS_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_NOW_NS_H_

#include <cstdint>

#include "common/clock.h"

namespace cronium::bench {

// What all spans are measured by: CLOCK_BOOTTIME.
inline int64_t NowNs() { return RealClock().BoottimeNs(); }

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_NOW_NS_H_
