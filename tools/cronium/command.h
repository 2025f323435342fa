// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_COMMAND_H_
#define CRONIUM_TOOLS_CRONIUM_COMMAND_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "google/protobuf/message.h"
#include "tools/cronium/cancellation.h"
#include "tools/cronium/client.h"
#include "tools/cronium/grpc_client.h"
#include "tools/cronium/interrupts.h"
#include "tools/cronium/settings.h"
#include "tools/cronium/streams.h"

namespace cronium::cli {

enum class OutputFormat { kText, kJson };

// How long a controller that does not answer is tried, unless --retry-for says it: for one call,
// and once a job runs there.
inline constexpr absl::Duration kRetryCallsFor = absl::Seconds(10);
inline constexpr absl::Duration kRetryFollowingFor = absl::Minutes(5);

// Asked of a list at a time.
inline constexpr int kPageSize = 1000;

// What the process gives to the commands; a test gives its own.
struct Process {
  Streams* streams = nullptr;
  const Clock* clock = nullptr;
  Environment environment;
  bool stdin_is_terminal = false;
  // Takes Ctrl-C from the process.
  std::function<std::unique_ptr<Interrupts>()> take_interrupts;
};

// What a command works with: the process, the global flags, and the connection that they lead to.
class CommandContext {
 public:
  explicit CommandContext(Process given) : process(std::move(given)) {}

  // The client, with retries. Fills in name_space.
  absl::StatusOr<std::unique_ptr<Client>> Connect();
  // Prints an error and returns the status to exit with.
  int Fail(const absl::Status& status);
  // One object, over several lines.
  absl::Status PrintJson(const google::protobuf::Message& message);
  // One object on one line: for streams.
  absl::Status PrintJsonLine(const google::protobuf::Message& message);
  // Waits; false where cancel_all cuts it short.
  bool Pause(absl::Duration time) { return cancel_all.Pause(time); }

  const Process process;
  Streams* const streams = process.streams;
  // Global flags.
  OutputFormat output = OutputFormat::kText;
  SettingValues connection_flags;
  std::optional<absl::Duration> retry_for;
  // Words after the last option: the script and its arguments, or a variable's key and value.
  // Exactly as they were given.
  std::vector<std::string> words;
  // Known after Connect.
  std::string name_space;
  std::string controller;
  // Ends all calls.
  Cancellation cancel_all;
};

// What the command line chose: set by the command's parser, then run.
using Command = std::function<int(CommandContext&)>;

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_COMMAND_H_
