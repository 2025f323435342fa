// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_RESULT_READER_H_
#define CRONIUM_CONTROLLER_API_RESULT_READER_H_

#include "absl/status/statusor.h"
#include "controller/api/call.h"
#include "cronium/v1/job.pb.h"

namespace cronium::controller {

// The result of an ended job, its two streams put together from the stored log (the last 480 KiB of
// each). Reads from disk.
absl::StatusOr<v1::JobResult> ReadJobResult(const Services& services, const v1::Job& job);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_RESULT_READER_H_
