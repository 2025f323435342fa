// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_PARSE_H_
#define CRONIUM_TOOLS_CRONIUM_PARSE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// The little languages of flag values. Errors are INVALID_ARGUMENT and say what would be right; the
// caller puts the flag's name before them.
namespace cronium::cli {

// `90s`, `1h30m`, `1.5h`, `500ms`, `2d`; units ns, us, ms, s, m, h, d. Not negative.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// Bytes: `1048576`, `512K`, `512M`, `2G` (powers of 1024, also written Ki, KiB and so on), `512MB`
// (powers of 1000).
absl::StatusOr<int64_t> ParseSize(absl::string_view text);

// CPUs as thousandths: `2`, `0.5` and `500m`.
absl::StatusOr<int32_t> ParseCpuMillis(absl::string_view text);

// KEY=VALUE; the key is not empty, the value may be and may hold further `=`.
absl::StatusOr<std::pair<std::string, std::string>> ParseKeyValue(absl::string_view text);

// A time: RFC 3339, or a duration before `now`.
absl::StatusOr<absl::Time> ParseSince(absl::string_view text, absl::Time now);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_PARSE_H_
