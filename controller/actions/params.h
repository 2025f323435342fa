// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_ACTIONS_PARAMS_H_
#define CRONIUM_CONTROLLER_ACTIONS_PARAMS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/error.h"
#include "common/json_members.h"

namespace cronium::controller {

// The parameters of an action, read one by one. What is wrong is gathered under the parameter's
// name, and Finish tells all of it, as well as names that nobody asked for. A member that is null
// counts as absent.
class Params {
 public:
  // json must outlive it. INVALID_ARGUMENT (INVALID_REQUEST) where it is no JSON object.
  static absl::StatusOr<Params> Parse(absl::string_view json);

  // A string. A number is taken as its digits: shells and YAML make numbers of ids.
  std::optional<std::string> Text(absl::string_view name, size_t max_bytes);
  // One that must be there and not be empty.
  std::string RequiredText(absl::string_view name, size_t max_bytes);
  std::optional<bool> Flag(absl::string_view name);
  std::optional<int64_t> Number(absl::string_view name, int64_t min, int64_t max);
  // An array of strings, or one string with commas between them.
  std::vector<std::string> List(absl::string_view name, size_t max_items);
  // Names and texts.
  std::vector<std::pair<std::string, std::string>> TextMap(absl::string_view name,
                                                           size_t max_items);
  // JSON of this kind as it came: '{' or '['; empty where it is absent.
  absl::string_view Json(absl::string_view name, char kind, size_t max_bytes);
  // JSON of any kind.
  absl::string_view AnyJson(absl::string_view name);
  bool Has(absl::string_view name) const { return Find(name) != nullptr; }

  void Wrong(absl::string_view name, absl::string_view description);

  // OK, or INVALID_ARGUMENT with everything that was wrong.
  absl::Status Finish();

 private:
  const JsonMember* Find(absl::string_view name) const;
  // Find, and now it is known.
  const JsonMember* Take(absl::string_view name);

  std::vector<JsonMember> members_;
  std::set<std::string, std::less<>> known_;
  Violations violations_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_ACTIONS_PARAMS_H_
