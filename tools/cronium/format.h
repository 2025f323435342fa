// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_FORMAT_H_
#define CRONIUM_TOOLS_CRONIUM_FORMAT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cronium/v1/job.pb.h"
#include "cronium/v1/node.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

// How values look to a person.
namespace cronium::cli {

// A time span in its largest unit, for columns: `45s`, `3m`, `7h`, `12d`; milliseconds below ten
// seconds: `0.183s`.
std::string Span(absl::Duration span);
// Age of what happened then: the span until now in whole units, `-` where the time is not set.
std::string Age(const google::protobuf::Timestamp& time, bool is_set, absl::Time now);
// 2026-01-02 15:04:05.123 UTC.
std::string DateTime(const google::protobuf::Timestamp& time);
// `512MiB`, `1.5GiB`, `100B`.
std::string Size(int64_t bytes);
// Thousandths as CPUs: `0.5`, `2`.
std::string Cpus(int32_t millis);

// Enum names without their prefix: SUCCEEDED, RUN_TIMEOUT, READY.
std::string Word(v1::JobState state);
std::string Word(v1::ExecutionState state);
std::string Word(v1::EndReason reason);
std::string Word(v1::NodeState state);

// text with control characters and broken UTF-8 made visible, so that what others wrote cannot
// drive the terminal.
std::string Printable(absl::string_view text);

bool IsEnded(v1::JobState state);

absl::Time ToTime(const google::protobuf::Timestamp& time);
absl::Duration ToDuration(const google::protobuf::Duration& duration);
void SetDuration(absl::Duration duration, google::protobuf::Duration* out);
void SetTime(absl::Time time, google::protobuf::Timestamp* out);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_FORMAT_H_
