// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/upstream/token_checker.h"

#include <openssl/sha.h>

#include <utility>

#include "common/error.h"

namespace cronium::gateway {
namespace {

std::string HashOf(absl::string_view token) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest);
  return std::string(reinterpret_cast<char*>(digest), sizeof(digest));
}

}  // namespace

TokenChecker::TokenChecker(KeyRing* keys, const Clock* clock, size_t max_remembered)
    : keys_(keys), clock_(clock), max_remembered_(max_remembered) {}

void TokenChecker::Check(absl::string_view token, Done done) {
  if (token.empty()) {
    done(MakeError(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING",
                   "the header Authorization: Bearer with the execution token is required",
                   {{"check", "missing"}}));
    return;
  }
  std::string hash = HashOf(token);
  if (std::optional<TokenClaims> claims = Recall(hash, clock_->Now()); claims.has_value()) {
    done(*std::move(claims));
    return;
  }
  const std::string key_id = TokenVerifier::KeyIdIn(token);
  if (key_id.empty() || keys_->verifier()->HasKey(key_id)) {
    done(Verify(token, hash));
    return;
  }
  keys_->Refresh([this, token = std::string(token), hash = std::move(hash),
                  done = std::move(done)](const absl::Status& fetched) {
    if (fetched.ok()) {
      done(Verify(token, hash));
    } else {
      done(fetched);
    }
  });
}

std::optional<TokenClaims> TokenChecker::Recall(const std::string& hash, absl::Time now) {
  MutexLock lock(&mutex_);
  const auto found = by_hash_.find(hash);
  if (found == by_hash_.end()) return std::nullopt;
  const TokenClaims& claims = found->second->claims;
  // Verify then says what is wrong with it.
  if (now < claims.not_before || now >= claims.expires_at) return std::nullopt;
  remembered_.splice(remembered_.begin(), remembered_, found->second);
  return claims;
}

absl::StatusOr<TokenClaims> TokenChecker::Verify(absl::string_view token, const std::string& hash) {
  absl::StatusOr<TokenClaims> claims = keys_->verifier()->Verify(token, clock_->Now());
  if (!claims.ok()) return claims;
  MutexLock lock(&mutex_);
  if (by_hash_.contains(hash)) return claims;
  if (remembered_.size() >= max_remembered_) {
    by_hash_.erase(remembered_.back().hash);
    remembered_.pop_back();
  }
  remembered_.push_front({hash, *claims});
  by_hash_.emplace(hash, remembered_.begin());
  return claims;
}

}  // namespace cronium::gateway
