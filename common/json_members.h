// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_JSON_MEMBERS_H_
#define CRONIUM_COMMON_JSON_MEMBERS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// One level of a JSON text, as slices of it: what is inside the values is not changed in any digit,
// escape or order of keys, as parsing and printing would.
namespace cronium {

struct JsonMember {
  std::string name;
  // A slice of the text, without the space around it.
  absl::string_view value;
};

// The members of an object, in their order; a name may come more than once. INVALID_ARGUMENT where
// text is not JSON ("not valid JSON at byte 7") or no object ("is not a JSON object").
absl::StatusOr<std::vector<JsonMember>> JsonMembers(absl::string_view text);

// The elements of an array. The same errors.
absl::StatusOr<std::vector<absl::string_view>> JsonElements(absl::string_view text);

// The text that a JSON string stands for; nothing where value is no string. value must be JSON.
std::optional<std::string> JsonStringText(absl::string_view value);

}  // namespace cronium

#endif  // CRONIUM_COMMON_JSON_MEMBERS_H_
