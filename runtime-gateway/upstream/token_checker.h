// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_UPSTREAM_TOKEN_CHECKER_H_
#define CRONIUM_RUNTIME_GATEWAY_UPSTREAM_TOKEN_CHECKER_H_

#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/token/token.h"
#include "runtime-gateway/upstream/key_ring.h"

namespace cronium::gateway {

// Checks execution tokens in full: signature, algorithm, issuer, audience, scope and times. Whether
// the execution still runs is for the controller to say, in each call. Thread-safe.
//
// Claims whose signature was right are remembered under a hash of the token, for at most
// max_remembered tokens; their times are checked in every call.
class TokenChecker {
 public:
  using Done = std::function<void(absl::StatusOr<TokenClaims>)>;

  // Pointers are borrowed.
  TokenChecker(KeyRing* keys, const Clock* clock, size_t max_remembered = 8192);

  // Calls done at once, or later from another thread where newer keys have to be fetched first.
  // UNAUTHENTICATED (TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED), or what kept the keys from being
  // fetched.
  void Check(absl::string_view token, Done done);

 private:
  std::optional<TokenClaims> Recall(const std::string& hash, absl::Time now);
  absl::StatusOr<TokenClaims> Verify(absl::string_view token, const std::string& hash);

  struct Remembered {
    std::string hash;
    TokenClaims claims;
  };

  KeyRing* const keys_;
  const Clock* const clock_;
  const size_t max_remembered_;
  Mutex mutex_;
  // The last used first.
  std::list<Remembered> remembered_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::list<Remembered>::iterator> by_hash_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_UPSTREAM_TOKEN_CHECKER_H_
