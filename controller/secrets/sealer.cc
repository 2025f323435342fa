// SPDX-License-Identifier: Apache-2.0
#include "controller/secrets/sealer.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/openssl/openssl.h"

namespace cronium::controller {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kIdBytes = 8;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kHeadBytes = 1 + kIdBytes;
constexpr char kVersion = 1;

using CipherContext = OpenSslPtr<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

const unsigned char* Data(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Data(std::string* text) { return reinterpret_cast<unsigned char*>(text->data()); }

// Begins to seal or open, with what is authenticated but not hidden already given.
bool Begin(EVP_CIPHER_CTX* cipher, bool seal, const SealingKey& key, absl::string_view nonce,
           absl::string_view head, absl::string_view context) {
  int n = 0;
  return cipher != nullptr &&
         EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), nullptr, Data(key.bytes), Data(nonce),
                           seal ? 1 : 0) == 1 &&
         EVP_CipherUpdate(cipher, nullptr, &n, Data(head), static_cast<int>(head.size())) == 1 &&
         EVP_CipherUpdate(cipher, nullptr, &n, Data(context), static_cast<int>(context.size())) ==
             1;
}

absl::Status Damaged() {
  return MakeError(absl::StatusCode::kDataLoss, "SECRET_DAMAGED",
                   "a secret in the database is not as it was sealed, or was moved to another "
                   "place: set it anew, or restore the database");
}

}  // namespace

absl::StatusOr<SealingKey> MakeSealingKey(std::string bytes) {
  if (bytes.size() != kKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a sealing key has ", kKeyBytes, " bytes, and this one ", bytes.size()));
  }
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(Data(bytes), bytes.size(), digest);
  std::string id =
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), kIdBytes));
  return SealingKey{std::move(id), std::move(bytes)};
}

absl::StatusOr<SealingKey> NewSealingKey() {
  std::string bytes(kKeyBytes, '\0');
  if (RAND_priv_bytes(Data(&bytes), static_cast<int>(bytes.size())) != 1) {
    return OpenSslError("cannot make a sealing key");
  }
  return MakeSealingKey(std::move(bytes));
}

absl::StatusOr<std::string> Sealer::Seal(absl::string_view secret,
                                         absl::string_view context) const {
  const SealingKey& key = keys_.front();
  std::string out = absl::StrCat(std::string(1, kVersion), absl::HexStringToBytes(key.id));
  std::string nonce(kNonceBytes, '\0');
  if (RAND_bytes(Data(&nonce), kNonceBytes) != 1) return OpenSslError("cannot seal a secret");
  const CipherContext cipher(EVP_CIPHER_CTX_new());
  std::string text(secret.size(), '\0');
  std::string tag(kTagBytes, '\0');
  int n = 0;
  if (!Begin(cipher.get(), true, key, nonce, out, context) ||
      EVP_CipherUpdate(cipher.get(), Data(&text), &n, Data(secret),
                       static_cast<int>(secret.size())) != 1 ||
      EVP_CipherFinal_ex(cipher.get(), Data(&tag), &n) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) != 1) {
    return OpenSslError("cannot seal a secret");
  }
  absl::StrAppend(&out, nonce, text, tag);
  return out;
}

absl::StatusOr<std::string> Sealer::Open(absl::string_view sealed,
                                         absl::string_view context) const {
  const std::string id = KeyIdOf(sealed);
  if (id.empty()) return Damaged();
  const auto key = std::find_if(keys_.begin(), keys_.end(),
                                [&](const SealingKey& candidate) { return candidate.id == id; });
  if (key == keys_.end()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "SECRETS_KEY_MISSING",
                     absl::StrCat("a secret was sealed with the key ", id,
                                  ", which is not in the controller's secrets.key: restore that "
                                  "file from a backup, or set the secret anew"),
                     {{"key_id", id}});
  }
  const absl::string_view head = sealed.substr(0, kHeadBytes);
  const absl::string_view nonce = sealed.substr(kHeadBytes, kNonceBytes);
  absl::string_view text = sealed.substr(kHeadBytes + kNonceBytes);
  std::string tag(text.substr(text.size() - kTagBytes));
  text.remove_suffix(kTagBytes);
  const CipherContext cipher(EVP_CIPHER_CTX_new());
  std::string secret(text.size(), '\0');
  int n = 0;
  std::string rest(kTagBytes, '\0');
  if (!Begin(cipher.get(), false, *key, nonce, head, context) ||
      EVP_CipherUpdate(cipher.get(), Data(&secret), &n, Data(text),
                       static_cast<int>(text.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) != 1) {
    return OpenSslError("cannot open a secret");
  }
  if (EVP_CipherFinal_ex(cipher.get(), Data(&rest), &n) != 1) return Damaged();
  return secret;
}

std::string Sealer::KeyIdOf(absl::string_view sealed) {
  if (sealed.size() < kHeadBytes + kNonceBytes + kTagBytes || sealed[0] != kVersion) return "";
  return absl::BytesToHexString(sealed.substr(1, kIdBytes));
}

std::string SealingContext(const std::vector<std::string>& parts) {
  std::string context;
  for (const std::string& part : parts) absl::StrAppend(&context, part.size(), ":", part);
  return context;
}

}  // namespace cronium::controller
