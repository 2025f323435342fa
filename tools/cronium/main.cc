// SPDX-License-Identifier: Apache-2.0
// cronium, the command-line client.

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "tools/cronium/cli.h"

int main(int argc, char** argv) {
  // A reader that went away is an error of the write (Streams), so that what is said of it can be
  // said.
  signal(SIGPIPE, SIG_IGN);
  cronium::RealClock clock;
  cronium::cli::ProcessStreams streams;
  cronium::cli::Process process;
  process.streams = &streams;
  process.clock = &clock;
  process.environment = [](const char* name) -> std::optional<std::string> {
    const char* value = getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
  process.stdin_is_terminal = isatty(STDIN_FILENO) == 1;
  process.take_interrupts = [] { return std::make_unique<cronium::cli::Interrupts>(); };
  return cronium::cli::RunCli(std::vector<std::string>(argv + 1, argv + argc), process);
}
