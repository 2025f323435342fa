// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_AUTH_AUTHENTICATOR_H_
#define CRONIUM_CONTROLLER_AUTH_AUTHENTICATOR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "common/pki/pki.h"
#include "controller/auth/access_table.h"
#include "controller/auth/execution_tokens.h"
#include "controller/auth/live_executions.h"
#include "controller/core/store.h"

namespace cronium::controller {

// What a call brought along to prove who makes it.
struct Credentials {
  // From the client certificate, already checked against the CA.
  std::optional<PeerIdentity> peer;
  // Metadata `authorization`.
  std::string authorization;
  // Metadata `cronium-execution-token`.
  std::string execution_token;
  // Metadata `cronium-dev-node`: counts only where the controller runs with --dev.
  std::string dev_node;
};

// Who makes the call, as far as this method asked.
struct Caller {
  v1::Role role = v1::ROLE_UNSPECIFIED;
  // Name of the API token, of the node, or the execution's id.
  std::string name;
  // The only namespace the caller may touch; empty for all.
  std::string name_space;
  std::string node;
  // Of ROLE_EXECUTION.
  std::shared_ptr<const ExecutionChange> execution;

  // PERMISSION_DENIED (WRONG_NAMESPACE) where the caller may not touch this namespace.
  absl::Status MayUse(absl::string_view wanted) const;
};

// Decides who may call what: every call of ours passes here. Counts whom it refuses. Thread-safe.
class Authenticator {
 public:
  // cluster: what certificates must be of. dev: no token and no certificate are asked for; callers
  // are admins, and nodes whom they say they are. Pointers are borrowed.
  Authenticator(AccessTable access, std::string cluster, bool dev, Store* store,
                ExecutionTokens* tokens, const LiveExecutions* live);

  // UNAUTHENTICATED (TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, NODE_CERTIFICATE_REQUIRED), or
  // PERMISSION_DENIED (ROLE_REQUIRED, EXECUTION_ENDED, WRONG_NODE).
  absl::StatusOr<Caller> Authenticate(absl::string_view method, const Credentials& credentials,
                                      absl::Time now) const;

  // The execution that a token names, for a call that brings tokens of many: as Authenticate for an
  // RPC of executions, once the call's node is known.
  absl::StatusOr<Caller> AuthenticateExecution(const std::string& node,
                                               const std::string& execution_token,
                                               absl::Time now) const;

  // How many calls were refused so far, by the reason; of TOKEN_INVALID by the check that failed:
  // TOKEN_INVALID/signature.
  std::map<std::string, uint64_t> Refusals() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<Caller> Decide(absl::string_view method, const Credentials& credentials,
                                absl::Time now) const;
  absl::StatusOr<Caller> DecideExecution(const std::string& node,
                                         const std::string& execution_token, absl::Time now) const;
  void CountRefusal(const absl::Status& status) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Caller> AuthenticateNode(const Credentials& credentials) const;
  absl::StatusOr<Caller> AuthenticateToken(const std::vector<v1::Role>& roles,
                                           absl::string_view method,
                                           const Credentials& credentials) const;

  const AccessTable access_;
  const std::string cluster_;
  const bool dev_;
  Store* const store_;
  ExecutionTokens* const tokens_;
  const LiveExecutions* const live_;

  mutable Mutex mutex_;
  mutable std::map<std::string, uint64_t> refusals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_AUTH_AUTHENTICATOR_H_
