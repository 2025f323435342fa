// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_EXIT_CODE_H_
#define CRONIUM_TOOLS_CRONIUM_EXIT_CODE_H_

#include <string>

#include "cronium/v1/job.pb.h"

// What `cronium run` and `cronium jobs wait` exit with.
namespace cronium::cli {

// Something went wrong outside of the script: bad usage, no contact, a job that could not be
// started or whose end is not known.
inline constexpr int kExitError = 125;
// An HTTP job got an unexpected status, or no answer.
inline constexpr int kExitHttpFailed = 1;
// The job ended by one of its timeouts, as of timeout(1).
inline constexpr int kExitTimeout = 124;
// The job was cancelled, as after Ctrl-C.
inline constexpr int kExitCancelled = 130;

// Of an ended job: its own exit code where its script ended by itself.
int ExitCodeOf(const v1::Job& job);

// One line on how a job ended: "FAILED: exit code 3", "TIMED_OUT: RUN_TIMEOUT: ran for 2s".
std::string DescribeEnd(const v1::Job& job);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_EXIT_CODE_H_
