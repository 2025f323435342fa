// SPDX-License-Identifier: Apache-2.0
#include "controller/auth/authenticator.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error.h"
#include "common/ids.h"
#include "controller/auth/secrets.h"

namespace cronium::controller {
namespace {

bool Has(const std::vector<v1::Role>& roles, v1::Role role) {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

absl::Status Unauthenticated(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kUnauthenticated, reason, message);
}

}  // namespace

absl::Status Caller::MayUse(absl::string_view wanted) const {
  if (name_space.empty() || name_space == wanted) return absl::OkStatus();
  return MakeError(absl::StatusCode::kPermissionDenied, "WRONG_NAMESPACE",
                   absl::StrCat("the API token \"", name, "\" is for namespace ", name_space,
                                ", not for ", wanted),
                   {{"namespace", wanted}});
}

Authenticator::Authenticator(AccessTable access, std::string cluster, bool dev, Store* store,
                             ExecutionTokens* tokens, const LiveExecutions* live)
    : access_(std::move(access)),
      cluster_(std::move(cluster)),
      dev_(dev),
      store_(store),
      tokens_(tokens),
      live_(live) {}

absl::StatusOr<Caller> Authenticator::Authenticate(absl::string_view method,
                                                   const Credentials& credentials,
                                                   absl::Time now) const {
  absl::StatusOr<Caller> caller = Decide(method, credentials, now);
  if (!caller.ok()) CountRefusal(caller.status());
  return caller;
}

void Authenticator::CountRefusal(const absl::Status& status) const {
  const std::string reason = ErrorReason(status);
  // What kept the caller's token from being looked up is no refusal.
  if (reason.empty()) return;
  const std::string check = FailedTokenCheck(status);
  MutexLock lock(&mutex_);
  ++refusals_[reason == "TOKEN_INVALID" && !check.empty() ? absl::StrCat(reason, "/", check)
                                                          : reason];
}

std::map<std::string, uint64_t> Authenticator::Refusals() const {
  MutexLock lock(&mutex_);
  return refusals_;
}

absl::StatusOr<Caller> Authenticator::Decide(absl::string_view method,
                                             const Credentials& credentials, absl::Time now) const {
  const std::vector<v1::Role>* roles = access_.RolesOf(method);
  if (roles == nullptr) {
    return absl::InternalError(absl::StrCat(method, " is not in the access table"));
  }
  if (Has(*roles, v1::ROLE_EXECUTION)) {
    const absl::StatusOr<Caller> node = AuthenticateNode(credentials);
    if (!node.ok()) return node;
    if (credentials.execution_token.empty()) {
      return Unauthenticated("TOKEN_MISSING",
                             "no execution token in the metadata key cronium-execution-token");
    }
    return DecideExecution(node->node, credentials.execution_token, now);
  }
  if (Has(*roles, v1::ROLE_NODE)) return AuthenticateNode(credentials);
  return AuthenticateToken(*roles, method, credentials);
}

absl::StatusOr<Caller> Authenticator::AuthenticateNode(const Credentials& credentials) const {
  Caller caller;
  caller.role = v1::ROLE_NODE;
  if (dev_ && IsName(credentials.dev_node)) {
    caller.name = caller.node = credentials.dev_node;
    return caller;
  }
  if (!credentials.peer.has_value()) {
    return Unauthenticated(
        "NODE_CERTIFICATE_REQUIRED",
        "this call is for nodes: show a client certificate that `cronium-controller "
        "issue-node-certificate` made");
  }
  if (credentials.peer->kind != "node" || credentials.peer->cluster != cluster_) {
    return Unauthenticated(
        "NODE_CERTIFICATE_REQUIRED",
        absl::StrCat("the client certificate is for ", credentials.peer->kind, " of cluster ",
                     credentials.peer->cluster, ", not for a node of cluster ", cluster_));
  }
  caller.name = caller.node = credentials.peer->node;
  return caller;
}

absl::StatusOr<Caller> Authenticator::AuthenticateExecution(const std::string& node,
                                                            const std::string& execution_token,
                                                            absl::Time now) const {
  absl::StatusOr<Caller> caller = DecideExecution(node, execution_token, now);
  if (!caller.ok()) CountRefusal(caller.status());
  return caller;
}

absl::StatusOr<Caller> Authenticator::DecideExecution(const std::string& node,
                                                      const std::string& execution_token,
                                                      absl::Time now) const {
  absl::StatusOr<TokenClaims> claims = tokens_->Verify(execution_token, now);
  if (!claims.ok()) return claims.status();
  std::shared_ptr<const ExecutionChange> execution = live_->Find(claims->execution_id);
  if (execution == nullptr) {
    return MakeError(absl::StatusCode::kPermissionDenied, "EXECUTION_ENDED",
                     absl::StrCat("execution ", claims->execution_id, " has ended"),
                     {{"execution_id", claims->execution_id}});
  }
  if (execution->execution.node() != node) {
    return MakeError(absl::StatusCode::kPermissionDenied, "WRONG_NODE",
                     absl::StrCat("execution ", claims->execution_id, " runs on node ",
                                  execution->execution.node(), ", not on ", node),
                     {{"execution_id", claims->execution_id}});
  }
  Caller caller;
  caller.role = v1::ROLE_EXECUTION;
  caller.name = claims->execution_id;
  caller.name_space = execution->execution.namespace_();
  caller.node = node;
  caller.execution = std::move(execution);
  return caller;
}

absl::StatusOr<Caller> Authenticator::AuthenticateToken(const std::vector<v1::Role>& roles,
                                                        absl::string_view method,
                                                        const Credentials& credentials) const {
  Caller caller;
  if (dev_ && credentials.authorization.empty()) {
    caller.role = v1::ROLE_ADMIN;
    caller.name = "dev";
    return caller;
  }
  if (credentials.authorization.empty()) {
    return Unauthenticated("TOKEN_MISSING",
                           "no API token: send the metadata `authorization: Bearer TOKEN`");
  }
  absl::string_view secret = credentials.authorization;
  if (!absl::ConsumePrefix(&secret, "Bearer ") && !absl::ConsumePrefix(&secret, "bearer ")) {
    return Unauthenticated("TOKEN_INVALID",
                           "the metadata `authorization` is not of the form `Bearer TOKEN`");
  }
  absl::StatusOr<std::optional<ApiToken>> token = store_->FindApiToken(HashSecret(secret));
  if (!token.ok()) return token.status();
  if (!token->has_value()) {
    return Unauthenticated("TOKEN_INVALID", "this API token is not known here (any more)");
  }
  caller.role = (*token)->role;
  caller.name = (*token)->name;
  caller.name_space = (*token)->name_space;
  if (caller.role != v1::ROLE_ADMIN && !Has(roles, caller.role)) {
    return MakeError(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                     absl::StrCat("the API token \"", caller.name, "\" has ",
                                  v1::Role_Name(caller.role), ", which may not call ", method),
                     {{"role", v1::Role_Name(caller.role)}});
  }
  return caller;
}

}  // namespace cronium::controller
