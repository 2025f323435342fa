// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_TOKEN_TOKEN_H_
#define CRONIUM_COMMON_TOKEN_TOKEN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Execution tokens: JWTs signed by the controller with ES256 (RFC 7515, RFC 7518 section 3.4),
// checked by gateway and controller. The header must be, byte for byte, the one that we write for a
// known key, so that no other algorithm is ever considered.
namespace cronium {

inline constexpr absl::string_view kTokenIssuer = "cronium-controller";
inline constexpr absl::string_view kTokenAudience = "cronium-runtime";

struct TokenClaims {
  std::string execution_id;
  std::string job_id;
  std::string event_id;
  std::string user_id;
  std::string scope = "execution";
  absl::Time issued_at;
  absl::Time not_before;
  absl::Time expires_at;
  // jti.
  std::string token_id;
  // Calls of the runtime API a minute, 0 for no limit; without a value the gateway decides.
  std::optional<int64_t> calls_per_minute;
};

struct TokenPublicKey {
  // kid: base64url of the SHA-256 of the key's SubjectPublicKeyInfo, first 16 characters.
  std::string id;
  std::string pem;
};

// Which check a token failed, of a status that TokenVerifier::Verify made, here or at the other end
// of a call: one of size, format, algorithm, key, signature, issuer, audience, scope, subject,
// claims, not_yet, expired. Empty for other statuses.
std::string FailedTokenCheck(const absl::Status& status);

// Signs tokens. Thread-safe.
class TokenSigner {
 public:
  // P-256 private key, PEM (PKCS #8).
  static absl::StatusOr<std::unique_ptr<TokenSigner>> FromPem(absl::string_view private_key_pem);
  // A new private key as PEM.
  static absl::StatusOr<std::string> GenerateKeyPem();
  ~TokenSigner();

  // iss and aud are ours.
  absl::StatusOr<std::string> Sign(const TokenClaims& claims) const;
  const TokenPublicKey& public_key() const;

 private:
  struct Impl;
  explicit TokenSigner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Checks tokens against a set of keys. Thread-safe; ECDSA verification costs about 60 us.
class TokenVerifier {
 public:
  // INVALID_ARGUMENT where a key is not a P-256 public key.
  static absl::StatusOr<std::unique_ptr<TokenVerifier>> Create(
      const std::vector<TokenPublicKey>& keys);
  ~TokenVerifier();

  // The claims of a token that is right in every respect: shape, header, signature, issuer,
  // audience, scope, times (no leeway: both ends of a token's life are set by one clock, and a
  // minute is added to the start where it is made). UNAUTHENTICATED with reason TOKEN_INVALID
  // (message says which check) or TOKEN_EXPIRED. Tokens over 4 KiB are refused unread.
  absl::StatusOr<TokenClaims> Verify(absl::string_view token, absl::Time now) const;

  bool HasKey(absl::string_view key_id) const;

  // The kid that an unchecked token names, empty where its header is not of our form: tells whether
  // newer keys may be worth fetching, and nothing else.
  static std::string KeyIdIn(absl::string_view token);

 private:
  struct Impl;
  explicit TokenVerifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cronium

#endif  // CRONIUM_COMMON_TOKEN_TOKEN_H_
