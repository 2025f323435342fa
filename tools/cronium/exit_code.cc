// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/exit_code.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cronium/format.h"

namespace cronium::cli {

int ExitCodeOf(const v1::Job& job) {
  switch (job.state()) {
    case v1::JOB_STATE_SUCCEEDED:
      return 0;
    case v1::JOB_STATE_TIMED_OUT:
      return kExitTimeout;
    case v1::JOB_STATE_CANCELLED:
      return kExitCancelled;
    default:
      // The call was made, and its answer is the failure, as of curl --fail.
      if (job.end_reason() == v1::END_REASON_UNEXPECTED_STATUS ||
          job.end_reason() == v1::END_REASON_NO_RESPONSE) {
        return kExitHttpFailed;
      }
      // A failed job whose container gave no code, or gave 0 to someone who stopped it, did not do
      // its work.
      return job.has_exit_code() && job.exit_code() != 0 ? job.exit_code() & 0xFF : kExitError;
  }
}

std::string DescribeEnd(const v1::Job& job) {
  std::string text = Word(job.state());
  if (job.state() == v1::JOB_STATE_SUCCEEDED) return text;
  if (job.end_reason() == v1::END_REASON_EXITED && job.has_exit_code()) {
    return absl::StrCat(text, ": exit code ", job.exit_code());
  }
  if (job.end_reason() != v1::END_REASON_UNSPECIFIED && Word(job.end_reason()) != text) {
    absl::StrAppend(&text, ": ", Word(job.end_reason()));
  }
  if (!job.state_message().empty() && !absl::EqualsIgnoreCase(job.state_message(), text)) {
    absl::StrAppend(&text, ": ", Printable(job.state_message()));
  }
  if (job.has_exit_code()) absl::StrAppend(&text, " (exit code ", job.exit_code(), ")");
  return text;
}

}  // namespace cronium::cli
