// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_FOLLOWING_H_
#define CRONIUM_TOOLS_CRONIUM_FOLLOWING_H_

#include "absl/status/statusor.h"
#include "tools/cronium/command.h"
#include "tools/cronium/log_printer.h"

namespace cronium::cli {

// Reads a job's log to its end and prints it as the context's output format has it: what `run` and
// `logs` share. cancellation (may be null) ends it with CANCELLED.
absl::StatusOr<v1::Job> PrintLogs(CommandContext& context, Client* client,
                                  const v1::FollowLogsRequest& request,
                                  LogPrinter::Options printing, Cancellation* cancellation);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_FOLLOWING_H_
