// SPDX-License-Identifier: Apache-2.0
#include "controller/api/call.h"

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/ids.h"
#include "common/rpc/credentials.h"

namespace cronium::controller {
namespace {

std::string Metadata(const grpc::CallbackServerContext& context, const char* key) {
  const auto it = context.client_metadata().find(key);
  return it == context.client_metadata().end() ? ""
                                               : std::string(it->second.data(), it->second.size());
}

}  // namespace

absl::StatusOr<Caller> Authenticate(const Services& services, absl::string_view method,
                                    grpc::CallbackServerContext* context) {
  Credentials credentials;
  credentials.peer = PeerOf(*context->auth_context());
  credentials.authorization = Metadata(*context, "authorization");
  credentials.execution_token = Metadata(*context, "cronium-execution-token");
  credentials.dev_node = Metadata(*context, "cronium-dev-node");
  return services.authenticator->Authenticate(method, credentials, services.clock->Now());
}

absl::StatusOr<std::string> ResolveNamespace(const Caller& caller, const std::string& requested) {
  const std::string name = !requested.empty()           ? requested
                           : !caller.name_space.empty() ? caller.name_space
                                                        : "default";
  if (!IsName(name)) {
    Violations violations;
    violations.Add("namespace", absl::StrCat("\"", name, "\" is not 1 to 63 of [a-z0-9.-]"));
    return violations.ToStatus();
  }
  if (absl::Status status = caller.MayUse(name); !status.ok()) return status;
  return name;
}

absl::StatusOr<int> ResolvePageSize(int requested, int default_size) {
  if (requested == 0) return default_size;
  if (requested >= 1 && requested <= 1000) return requested;
  Violations violations;
  violations.Add("page_size", absl::StrCat("is ", requested, "; from 1 to 1000 is allowed"));
  return violations.ToStatus();
}

}  // namespace cronium::controller
