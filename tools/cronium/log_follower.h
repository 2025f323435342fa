// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_LOG_FOLLOWER_H_
#define CRONIUM_TOOLS_CRONIUM_LOG_FOLLOWER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "tools/cronium/backoff.h"
#include "tools/cronium/client.h"

namespace cronium::cli {

// Reads the log of a job to its end, over as many connections as that takes: after a cut it asks
// for what comes after the last entry that it gave on. So each entry is given on once, and in
// order, whatever happens to the controller in between.
//
// A position is an execution and a number in its log. Where other attempts took over while contact
// was lost, the controller sends the rest of the old one's log first, and then those of its
// successors.
//
// One thread calls Run, once.
class LogFollower {
 public:
  struct Options {
    // How long to try a controller that is out of reach.
    absl::Duration give_up_after = absl::Minutes(5);
    const Clock* clock = nullptr;
    // Waits; false where that was cut short.
    std::function<bool(absl::Duration)> pause;
    // Contact was lost (with its reason), and is there again.
    std::function<void(const absl::Status&)> on_lost;
    std::function<void()> on_found;
  };
  // Messages without what was given on before. The last has the job.
  using Sink = absl::FunctionRef<absl::Status(const v1::FollowLogsResponse&)>;

  // client must outlive it. cancellation ends Run with CANCELLED.
  LogFollower(Client* client, Cancellation* cancellation, Options options);

  // The job as it is at the end: ended, where the request asks to follow. Errors are the sink's,
  // the controller's answer, or the lost contact once it has lasted too long.
  absl::StatusOr<v1::Job> Run(const v1::FollowLogsRequest& request, Sink sink);

 private:
  // One stream: the job at its end.
  absl::StatusOr<v1::Job> ReadStream(const v1::FollowLogsRequest& request, Sink sink);
  // Gives a message on, without what was given on before. An error ends the stream.
  absl::Status Receive(v1::FollowLogsResponse message, Sink sink);
  // Drops what was given on before from the chunk; false where nothing is left.
  bool TrimSeen(v1::LogChunk* chunk);
  absl::Status Wait(const absl::Status& cause);

  Client* const client_;
  Cancellation* const cancellation_;
  const Options options_;
  Backoff backoff_;
  // The position: the execution whose log comes, and its last entry that was given on.
  std::string execution_id_;
  uint64_t last_seq_ = 0;
  bool out_of_contact_ = false;
  absl::Status sink_status_;
};

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_LOG_FOLLOWER_H_
