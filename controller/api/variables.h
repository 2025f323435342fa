// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_VARIABLES_H_
#define CRONIUM_CONTROLLER_API_VARIABLES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/api/call.h"
#include "cronium/v1/variable.pb.h"

// Variables, for both services that offer them: the one for people and the one for scripts.
namespace cronium::controller {

// 1 to 256 bytes of UTF-8 without control characters.
absl::Status CheckVariableKey(const std::string& key);

absl::StatusOr<v1::Variable> ReadVariable(const Services& services, const std::string& name_space,
                                          const std::string& key);

struct VariablePage {
  std::vector<v1::Variable> variables;
  std::string next_page_token;
};
absl::StatusOr<VariablePage> ListVariables(const Services& services, const std::string& name_space,
                                           const std::string& prefix, int page_size,
                                           const std::string& page_token);

// variable: namespace, key, value_json, updater. done gets the new etag once it is durable.
void WriteVariable(const Services& services, v1::Variable variable, const std::string& etag,
                   std::function<void(absl::StatusOr<std::string>)> done);

void RemoveVariable(const Services& services, const std::string& name_space, const std::string& key,
                    const std::string& etag, Done done);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_VARIABLES_H_
