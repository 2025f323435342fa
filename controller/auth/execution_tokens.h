// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_AUTH_EXECUTION_TOKENS_H_
#define CRONIUM_CONTROLLER_AUTH_EXECUTION_TOKENS_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "common/token/token.h"
#include "controller/auth/rate_limits.h"
#include "cronium/v1/agent_service.pb.h"

namespace cronium::controller {

// Issues execution tokens and checks them. Thread-safe.
class ExecutionTokens {
 public:
  static absl::StatusOr<std::unique_ptr<ExecutionTokens>> Create(absl::string_view signing_key_pem,
                                                                 RateLimits limits = {});

  // A token for the assignment, whose spec must be filled in. It outlives the longest run that the
  // spec allows by ten minutes: it cannot be renewed inside a container, and ends with its
  // execution anyway.
  absl::StatusOr<std::string> Issue(const v1::Assignment& assignment) const;

  // As TokenVerifier::Verify. The outcome of the signature check is remembered for a bounded number
  // of tokens; times are checked in every call.
  absl::StatusOr<TokenClaims> Verify(const std::string& token, absl::Time now);

  const TokenPublicKey& public_key() const { return signer_->public_key(); }

 private:
  ExecutionTokens(std::unique_ptr<TokenSigner> signer, std::unique_ptr<TokenVerifier> verifier,
                  RateLimits limits);

  const std::unique_ptr<TokenSigner> signer_;
  const std::unique_ptr<TokenVerifier> verifier_;
  const RateLimits limits_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, TokenClaims> verified_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_AUTH_EXECUTION_TOKENS_H_
