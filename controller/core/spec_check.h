// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_SPEC_CHECK_H_
#define CRONIUM_CONTROLLER_CORE_SPEC_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/error.h"
#include "common/proto_time.h"

namespace cronium::controller {

// One spec under examination: where we are in it, and what was found.
class SpecCheck {
 public:
  explicit SpecCheck(absl::string_view path) : path_(path) {}

  void Bad(absl::string_view field, absl::string_view what) {
    violations_.Add(absl::StrCat(path_, ".", field), what);
  }
  template <typename T>
  void Range(absl::string_view field, T value, T low, T high) {
    if (value < low || value > high) {
      Bad(field, absl::StrCat("is ", value, "; from ", low, " to ", high, " is allowed"));
    }
  }
  // Zero, which means the default, or in range.
  template <typename T>
  void RangeOrDefault(absl::string_view field, T value, T low, T high) {
    if (value != 0) Range(field, value, low, high);
  }
  void Bytes(absl::string_view field, size_t size, size_t limit) {
    if (size > limit) {
      Bad(field, absl::StrCat("has ", size, " bytes; at most ", limit, " are allowed"));
    }
  }
  // Unset, or from low to high (30 days).
  void Timeout(absl::string_view field, bool set, const google::protobuf::Duration& duration,
               absl::Duration low = absl::Milliseconds(1),
               absl::Duration high = absl::Hours(24 * 30)) {
    if (!set) return;
    const absl::Duration value = ToDuration(duration);
    if (value < low || value > high) {
      Bad(field, absl::StrCat("is ", absl::FormatDuration(value), "; from ",
                              absl::FormatDuration(low), " to ", Name(high), " is allowed"));
    }
  }
  absl::Status Result() const { return violations_.ToStatus(); }

 private:
  static std::string Name(absl::Duration duration) {
    return duration == absl::Hours(24 * 30) ? "30 days" : absl::FormatDuration(duration);
  }

  const std::string path_;
  Violations violations_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_SPEC_CHECK_H_
