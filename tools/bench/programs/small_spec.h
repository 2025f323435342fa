// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_SMALL_SPEC_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_SMALL_SPEC_H_

#include "cronium/v1/job.pb.h"

namespace cronium::bench {

// A job that fits anywhere; nothing of it is ever run.
inline v1::JobSpec SmallSpec() {
  v1::JobSpec spec;
  spec.mutable_container()->set_image("bench/none");
  spec.mutable_container()->mutable_script()->set_content("#!/bin/sh\ntrue\n");
  spec.mutable_container()->mutable_resources()->set_cpu_millis(100);
  spec.mutable_container()->mutable_resources()->set_memory_bytes(64 << 20);
  return spec;
}

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_SMALL_SPEC_H_
