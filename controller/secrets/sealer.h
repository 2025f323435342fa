// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_SECRETS_SEALER_H_
#define CRONIUM_CONTROLLER_SECRETS_SEALER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cronium::controller {

// A key of AES-256-GCM.
struct SealingKey {
  // The first 16 hex digits of the key's SHA-256: says which key a secret was sealed with, and
  // nothing about it.
  std::string id;
  // 32 bytes.
  std::string bytes;
};

// From the kernel's random numbers.
absl::StatusOr<SealingKey> NewSealingKey();
// INVALID_ARGUMENT where it has not 32 bytes.
absl::StatusOr<SealingKey> MakeSealingKey(std::string bytes);

// Seals secrets for the database: AES-256-GCM with a random nonce. Immutable, so thread-safe.
//
//   byte 0      1, the form's version
//   bytes 1-8   the key's id
//   bytes 9-20  the nonce
//   then the ciphertext, and 16 bytes of tag
//
// The first 9 bytes and the context are authenticated with the secret: neither can be changed, and
// what was sealed for one place opens at no other.
class Sealer {
 public:
  // Seals with the first key, opens with any. There must be one.
  explicit Sealer(std::vector<SealingKey> keys) : keys_(std::move(keys)) {}

  // context: see SealingContext. INTERNAL where OpenSSL fails.
  absl::StatusOr<std::string> Seal(absl::string_view secret, absl::string_view context) const;

  // FAILED_PRECONDITION (SECRETS_KEY_MISSING) where none of the keys sealed it; DATA_LOSS
  // (SECRET_DAMAGED) where it is not as it was sealed, or was sealed for another context.
  absl::StatusOr<std::string> Open(absl::string_view sealed, absl::string_view context) const;

  // Of the key that seals.
  const std::string& key_id() const { return keys_.front().id; }

  // The id of the key that sealed it; empty where it is nothing sealed.
  static std::string KeyIdOf(absl::string_view sealed);

 private:
  const std::vector<SealingKey> keys_;
};

// What a secret is sealed for, as one string: parts cannot run into each other.
std::string SealingContext(const std::vector<std::string>& parts);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_SECRETS_SEALER_H_
