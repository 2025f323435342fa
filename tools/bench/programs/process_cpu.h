// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_PROCESS_CPU_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_PROCESS_CPU_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cronium::bench {

// CPU time used so far, in seconds, from /proc.
struct CpuSample {
  double wall = 0;
  // Of all CPUs together, and how much of it they were idle or waited for a disk.
  double machine_busy = 0;
  double machine_idle = 0;
  double machine_io_wait = 0;
  // Of one process, by thread: "TID name" -> seconds.
  double process = 0;
  std::map<std::string, double> threads;
  // Of those of its children that ended and that it waited for.
  double children = 0;
};

CpuSample SampleCpu(pid_t pid);

// One thread's use of one CPU between two samples, 1 for all of it.
struct ThreadUse {
  std::string name;
  double share = 0;
};

// What happened between two samples: shares are of one CPU, so that 2 is all of two.
struct CpuUse {
  double process = 0;
  double children = 0;
  double machine_busy = 0;
  double machine_idle = 0;
  double machine_io_wait = 0;
  // Busiest first.
  std::vector<ThreadUse> threads;
};

CpuUse UseBetween(const CpuSample& before, const CpuSample& after);

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_PROCESS_CPU_H_
