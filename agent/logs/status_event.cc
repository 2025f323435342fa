// SPDX-License-Identifier: Apache-2.0
#include "agent/logs/status_event.h"

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace cronium::agent {
namespace {

// The word before the first space; the rest stays in *line.
absl::string_view TakeWord(absl::string_view* line) {
  const size_t space = line->find(' ');
  const absl::string_view word = line->substr(0, space);
  line->remove_prefix(space == absl::string_view::npos ? line->size() : space + 1);
  return word;
}

}  // namespace

std::optional<StatusEvent> ParseStatusLine(absl::string_view line) {
  using Kind = StatusEvent::Kind;
  StatusEvent event;
  const absl::string_view word = TakeWord(&line);
  if (word == "starting" && line.empty()) {
    event.kind = Kind::kStarting;
  } else if (word == "started") {
    event.kind = Kind::kStarted;
    if (!absl::SimpleAtoi(line, &event.boottime_ns)) return std::nullopt;
  } else if (word == "error") {
    event.kind = Kind::kError;
    event.word = std::string(TakeWord(&line));
    event.text = std::string(line);
    if (event.word.empty()) return std::nullopt;
  } else if (word == "ended") {
    const absl::string_view how = TakeWord(&line);
    if (how != "exit" && how != "signal") return std::nullopt;
    event.kind = how == "exit" ? Kind::kEndedExit : Kind::kEndedSignal;
    if (!absl::SimpleAtoi(line, &event.code)) return std::nullopt;
  } else if (word == "oom_killed") {
    event.kind = Kind::kOomKilled;
    if (!absl::SimpleAtoi(line, &event.code)) return std::nullopt;
  } else if (word == "stopped" && line.empty()) {
    event.kind = Kind::kStopped;
  } else if (word == "lease_ended" && line.empty()) {
    event.kind = Kind::kLeaseEnded;
  } else if (word == "drained" && line.empty()) {
    event.kind = Kind::kDrained;
  } else {
    return std::nullopt;
  }
  return event;
}

}  // namespace cronium::agent
