// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_LOG_H_
#define CRONIUM_COMMON_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// Structured logging of our own processes (not of jobs): one line per event in logfmt on stderr,
//
//   2026-01-02T03:04:05.678Z info session opened node=web-1 epoch=7
//
// The message is constant text; what varies goes into fields. Secrets never go in. Thread-safe.
namespace cronium {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One key and value. Made from anything StrCat takes, from bool, and from a Status.
struct LogField {
  template <typename T>
  LogField(absl::string_view k, const T& v) : key(k) {  // NOLINT: reads as {"key", value}
    if constexpr (std::is_same_v<T, bool>) {
      value = v ? "true" : "false";
    } else if constexpr (std::is_same_v<T, absl::Status>) {
      value = v.ToString(absl::StatusToStringMode::kWithNoExtraData);
    } else {
      value = absl::StrCat(v);
    }
  }
  absl::string_view key;
  std::string value;
};

void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});

inline void LogDebug(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kDebug, message, fields);
}
inline void LogInfo(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(absl::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, message, fields);
}

// INVALID_ARGUMENT unless level is debug, info, warning or error. Call it once, in main; the
// default is info.
absl::Status SetLogLevel(absl::string_view level);

}  // namespace cronium

#endif  // CRONIUM_COMMON_LOG_H_
