// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_OPENSSL_OPENSSL_H_
#define CRONIUM_COMMON_OPENSSL_OPENSSL_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// What token and pki share of OpenSSL. All keys of ours are EC keys on P-256.
namespace cronium {

template <auto Free>
struct OpenSslDelete {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <typename T, auto Free>
using OpenSslPtr = std::unique_ptr<T, OpenSslDelete<Free>>;

using UniqueBio = OpenSslPtr<BIO, BIO_free_all>;
using UniqueKey = OpenSslPtr<EVP_PKEY, EVP_PKEY_free>;
using UniqueDigestContext = OpenSslPtr<EVP_MD_CTX, EVP_MD_CTX_free>;
using UniqueCertificate = OpenSslPtr<X509, X509_free>;

// INTERNAL: "what: OpenSSL's reason". Clears the calling thread's error queue.
absl::Status OpenSslError(absl::string_view what);

absl::StatusOr<UniqueKey> GenerateP256Key();

// PKCS #8, not encrypted.
absl::StatusOr<std::string> PrivateKeyToPem(EVP_PKEY* key);
// SubjectPublicKeyInfo.
absl::StatusOr<std::string> PublicKeyToPem(EVP_PKEY* key);

// INVALID_ARGUMENT where pem is no such key on P-256. Never asks for a pass phrase.
absl::StatusOr<UniqueKey> PrivateKeyFromPem(absl::string_view pem);
absl::StatusOr<UniqueKey> PublicKeyFromPem(absl::string_view pem);

// The certificate as PEM, and back; INVALID_ARGUMENT where pem is none.
absl::StatusOr<std::string> CertificateToPem(X509* certificate);
absl::StatusOr<UniqueCertificate> CertificateFromPem(absl::string_view pem);

}  // namespace cronium

#endif  // CRONIUM_COMMON_OPENSSL_OPENSSL_H_
