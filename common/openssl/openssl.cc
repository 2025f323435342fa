// SPDX-License-Identifier: Apache-2.0
#include "common/openssl/openssl.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "absl/strings/str_cat.h"

namespace cronium {
namespace {

// Without a callback of ours OpenSSL would ask for a pass phrase on the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

// Runs one of the PEM_write_bio functions into a string.
template <typename Write>
absl::StatusOr<std::string> ToPem(absl::string_view what, Write write) {
  UniqueBio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get()) != 1) return OpenSslError(what);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);  // NOLINT(runtime/int): OpenSSL's type
  return std::string(data, size);
}

// Runs one of the PEM_read_bio functions over a text.
template <typename Read>
auto FromPem(absl::string_view pem, Read read) {
  UniqueBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  auto* object = bio == nullptr ? nullptr : read(bio.get());
  ERR_clear_error();
  return object;
}

absl::StatusOr<UniqueKey> CheckP256(UniqueKey key, absl::string_view kind) {
  if (key == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("is not a ", kind, " key in PEM"));
  }
  char group[32];
  size_t length = 0;
  const bool p256 = EVP_PKEY_is_a(key.get(), "EC") == 1 &&
                    EVP_PKEY_get_group_name(key.get(), group, sizeof(group), &length) == 1 &&
                    absl::string_view(group, length) == SN_X9_62_prime256v1;
  ERR_clear_error();
  if (!p256) return absl::InvalidArgumentError(absl::StrCat("the ", kind, " key is not on P-256"));
  return key;
}

}  // namespace

absl::Status OpenSslError(absl::string_view what) {
  char reason[256] = "no reason given";
  if (const unsigned long code = ERR_get_error(); code != 0) {  // NOLINT(runtime/int)
    ERR_error_string_n(code, reason, sizeof(reason));
  }
  ERR_clear_error();
  return absl::InternalError(absl::StrCat(what, ": ", reason));
}

absl::StatusOr<UniqueKey> GenerateP256Key() {
  UniqueKey key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpenSslError("cannot make a P-256 key");
  return key;
}

absl::StatusOr<std::string> PrivateKeyToPem(EVP_PKEY* key) {
  return ToPem("cannot write a private key", [&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

absl::StatusOr<std::string> PublicKeyToPem(EVP_PKEY* key) {
  return ToPem("cannot write a public key",
               [&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key); });
}

absl::StatusOr<UniqueKey> PrivateKeyFromPem(absl::string_view pem) {
  return CheckP256(
      UniqueKey(FromPem(
          pem,
          [](BIO* bio) { return PEM_read_bio_PrivateKey(bio, nullptr, NoPassphrase, nullptr); })),
      "private");
}

absl::StatusOr<UniqueKey> PublicKeyFromPem(absl::string_view pem) {
  return CheckP256(
      UniqueKey(FromPem(
          pem, [](BIO* bio) { return PEM_read_bio_PUBKEY(bio, nullptr, NoPassphrase, nullptr); })),
      "public");
}

absl::StatusOr<std::string> CertificateToPem(X509* certificate) {
  return ToPem("cannot write a certificate",
               [&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

absl::StatusOr<UniqueCertificate> CertificateFromPem(absl::string_view pem) {
  UniqueCertificate certificate(FromPem(
      pem, [](BIO* bio) { return PEM_read_bio_X509(bio, nullptr, NoPassphrase, nullptr); }));
  if (certificate == nullptr) return absl::InvalidArgumentError("is not a certificate in PEM");
  return certificate;
}

}  // namespace cronium
