// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_JOB_FILTER_H_
#define CRONIUM_CONTROLLER_API_JOB_FILTER_H_

#include <string>

#include "absl/status/status.h"
#include "controller/core/store.h"

namespace cronium::controller {

// Reads ListJobsRequest.filter into the query: `state=STATE`, `node=NAME`, `label.KEY=VALUE`,
// joined by AND. INVALID_ARGUMENT naming the term.
absl::Status ParseJobFilter(const std::string& filter, JobQuery* query);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_JOB_FILTER_H_
