// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_ERRORS_H_
#define CRONIUM_TOOLS_CRONIUM_ERRORS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cronium::cli {

// An error as a person reads it, without the program's name: what is wrong and the next step, one
// line; where a request has more than one wrong field, a line for each follows.
std::string DescribeError(const absl::Status& status);

// status with `what` and a colon before its message; its code and details stay.
absl::Status Annotate(const absl::Status& status, absl::string_view what);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_ERRORS_H_
