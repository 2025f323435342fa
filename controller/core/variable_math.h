// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_VARIABLE_MATH_H_
#define CRONIUM_CONTROLLER_CORE_VARIABLE_MATH_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// What adding to a variable, and appending to one, makes of its value. Pure, and the same for every
// store. Values are JSON texts that ValidateJson accepts; `key` is for messages.
namespace cronium::controller {

inline constexpr size_t kMaxVariableBytes = 1 << 20;

// Whether text is one JSON number and nothing else.
bool IsJsonNumber(absl::string_view text);
// Whether text is one JSON string, with its quotes and nothing else. text must be valid JSON.
bool IsJsonString(absl::string_view text);

// present + by.
//
// Two integers (without fraction and exponent) are added exactly, within -2^63 to 2^64-1: past it
// OUT_OF_RANGE (VARIABLE_OUT_OF_RANGE), never a wrap. Where either is a decimal, both are taken as
// doubles and the sum is written with the fewest digits that read back as the same double, with a
// fraction or an exponent, so that a decimal stays one; OUT_OF_RANGE past the largest double.
// FAILED_PRECONDITION (VARIABLE_NOT_A_NUMBER) where present is not a number.
absl::StatusOr<std::string> IncrementedValue(absl::string_view key, absl::string_view present_json,
                                             absl::string_view by_json);

// The string `present` with separator and text behind it; the separator only where present is not
// empty. What was there stays byte for byte as it is, escapes too.
//
// FAILED_PRECONDITION (VARIABLE_NOT_A_STRING) where present is not a string, OUT_OF_RANGE
// (VARIABLE_TOO_LARGE) where the result has more than kMaxVariableBytes.
absl::StatusOr<std::string> AppendedValue(absl::string_view key, absl::string_view present_json,
                                          absl::string_view separator_json,
                                          absl::string_view text_json);

// OUT_OF_RANGE (VARIABLE_TOO_LARGE).
absl::Status VariableTooLarge(absl::string_view key, size_t bytes);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_VARIABLE_MATH_H_
