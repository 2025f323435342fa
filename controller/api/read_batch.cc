// SPDX-License-Identifier: Apache-2.0
#include "controller/api/read_batch.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "controller/api/variables.h"

namespace cronium::controller {
namespace {

constexpr int kMaxItems = 256;
// Of the values together: well below what a client of ours takes as one message.
constexpr size_t kMaxValueBytes = 4 << 20;

absl::Status CheckShape(const v1::ReadVariablesRequest& request) {
  Violations violations;
  if (request.items_size() > kMaxItems) {
    violations.Add("items", absl::StrCat("are ", request.items_size(), "; at most ", kMaxItems,
                                         " are allowed"));
  }
  for (const v1::ReadVariablesRequest::Item& item : request.items()) {
    if (item.execution_token() >= 0 && item.execution_token() < request.execution_tokens_size()) {
      continue;
    }
    violations.Add("items.execution_token", absl::StrCat("is ", item.execution_token(), " of ",
                                                         request.execution_tokens_size()));
    break;
  }
  return violations.ToStatus();
}

}  // namespace

absl::Status ReadBatch(const Services& services, const std::string& node,
                       const v1::ReadVariablesRequest& request,
                       v1::ReadVariablesResponse* response) {
  if (absl::Status shape = CheckShape(request); !shape.ok()) return shape;
  const absl::Time now = services.clock->Now();
  std::vector<absl::StatusOr<Caller>> callers;
  callers.reserve(request.execution_tokens_size());
  for (const std::string& token : request.execution_tokens()) {
    callers.push_back(services.authenticator->AuthenticateExecution(node, token, now));
  }
  size_t bytes = 0;
  for (const v1::ReadVariablesRequest::Item& item : request.items()) {
    if (bytes > kMaxValueBytes) break;
    v1::ReadVariablesResponse::Item* out = response->add_items();
    const absl::StatusOr<Caller>& caller = callers[item.execution_token()];
    absl::StatusOr<v1::Variable> variable =
        caller.ok() ? ReadVariable(services, caller->name_space, item.key())
                    : absl::StatusOr<v1::Variable>(caller.status());
    if (variable.ok()) {
      bytes += variable->value_json().size();
      *out->mutable_variable() = *std::move(variable);
    } else {
      *out->mutable_error() = ToProto(variable.status());
    }
  }
  return absl::OkStatus();
}

}  // namespace cronium::controller
