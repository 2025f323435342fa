// SPDX-License-Identifier: Apache-2.0
#include "controller/auth/execution_tokens.h"

#include <utility>

#include "common/error.h"
#include "common/ids.h"
#include "common/proto_time.h"

namespace cronium::controller {
namespace {

constexpr absl::Duration kLifeBeyondRun = absl::Minutes(10);
// Between the clock that signs and those that check.
constexpr absl::Duration kClockSkew = absl::Minutes(1);
// About 50 MiB; a token is some 600 bytes.
constexpr size_t kMaxVerified = 50'000;

}  // namespace

ExecutionTokens::ExecutionTokens(std::unique_ptr<TokenSigner> signer,
                                 std::unique_ptr<TokenVerifier> verifier, RateLimits limits)
    : signer_(std::move(signer)), verifier_(std::move(verifier)), limits_(std::move(limits)) {}

absl::StatusOr<std::unique_ptr<ExecutionTokens>> ExecutionTokens::Create(
    absl::string_view signing_key_pem, RateLimits limits) {
  absl::StatusOr<std::unique_ptr<TokenSigner>> signer = TokenSigner::FromPem(signing_key_pem);
  if (!signer.ok()) return signer.status();
  absl::StatusOr<std::unique_ptr<TokenVerifier>> verifier =
      TokenVerifier::Create({(*signer)->public_key()});
  if (!verifier.ok()) return verifier.status();
  return std::unique_ptr<ExecutionTokens>(
      new ExecutionTokens(*std::move(signer), *std::move(verifier), std::move(limits)));
}

absl::StatusOr<std::string> ExecutionTokens::Issue(const v1::Assignment& assignment) const {
  const v1::Timeouts& timeouts = assignment.spec().timeouts();
  const absl::Time assigned = ToTime(assignment.assign_time());
  TokenClaims claims;
  claims.execution_id = assignment.execution_id();
  claims.job_id = assignment.job_id();
  claims.event_id = assignment.event_id();
  claims.user_id = assignment.namespace_();
  claims.issued_at = assigned;
  claims.not_before = assigned - kClockSkew;
  claims.expires_at = assigned + ToDuration(timeouts.prepare()) + ToDuration(timeouts.run()) +
                      ToDuration(timeouts.stop_grace()) + kLifeBeyondRun;
  claims.token_id = RandomBase62(16);
  claims.calls_per_minute = limits_.Of(assignment.namespace_());
  return signer_->Sign(claims);
}

absl::StatusOr<TokenClaims> ExecutionTokens::Verify(const std::string& token, absl::Time now) {
  {
    MutexLock lock(&mutex_);
    const auto it = verified_.find(token);
    if (it != verified_.end() && now >= it->second.not_before && now < it->second.expires_at) {
      return it->second;
    }
  }
  absl::StatusOr<TokenClaims> claims = verifier_->Verify(token, now);
  if (claims.ok()) {
    MutexLock lock(&mutex_);
    if (verified_.size() >= kMaxVerified) verified_.clear();
    verified_.emplace(token, *claims);
  }
  return claims;
}

}  // namespace cronium::controller
