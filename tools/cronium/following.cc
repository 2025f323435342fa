// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/following.h"

#include "absl/strings/str_cat.h"
#include "tools/cronium/format.h"
#include "tools/cronium/log_follower.h"

namespace cronium::cli {

absl::StatusOr<v1::Job> PrintLogs(CommandContext& context, Client* client,
                                  const v1::FollowLogsRequest& request,
                                  LogPrinter::Options printing, Cancellation* cancellation) {
  LogFollower::Options following;
  following.give_up_after =
      context.retry_for.value_or(request.follow() ? kRetryFollowingFor : kRetryCallsFor);
  following.clock = context.process.clock;
  following.pause = [&](absl::Duration time) {
    return cancellation != nullptr ? cancellation->Pause(time) : context.Pause(time);
  };
  following.on_lost = [&](const absl::Status& status) {
    context.streams->Notice(absl::StrCat("lost contact: ", Printable(status.message()),
                                         "; trying again for ",
                                         absl::FormatDuration(following.give_up_after)));
  };
  following.on_found = [&] { context.streams->Notice("connected again"); };
  LogFollower follower(client, cancellation, following);

  LogPrinter printer(context.streams, printing);
  return follower.Run(request, [&](const v1::FollowLogsResponse& message) {
    return context.output == OutputFormat::kJson ? context.PrintJsonLine(message)
                                                 : printer.Print(message);
  });
}

}  // namespace cronium::cli
