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

// Called once what was asked for is durable.
using VariableDone = std::function<void(absl::StatusOr<std::string>)>;

// Submits one change and hands its own result over.
void CommitOne(const Services& services, Change change, VariableDone done);

// variable: namespace, key, value_json, updater. done gets the new etag.
void WriteVariable(const Services& services, v1::Variable variable, const std::string& etag,
                   IdempotencyKey once, VariableDone done);

void RemoveVariable(const Services& services, const std::string& name_space, const std::string& key,
                    const std::string& etag, IdempotencyKey once, Done done);

// change: all but its time. done gets the new value and its etag.
void Increment(const Services& services, IncrementVariable change,
               std::function<void(absl::StatusOr<v1::Variable>)> done);

// change: all but its time. done gets the new etag.
void Append(const Services& services, AppendVariable change, VariableDone done);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_VARIABLES_H_
