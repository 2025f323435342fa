// SPDX-License-Identifier: Apache-2.0
#include "common/pki/pki.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/ids.h"
#include "common/openssl/openssl.h"

namespace cronium {
namespace {

using UniqueExtension = OpenSslPtr<X509_EXTENSION, X509_EXTENSION_free>;
using UniqueNames = OpenSslPtr<GENERAL_NAMES, GENERAL_NAMES_free>;
using UniqueNumber = OpenSslPtr<BIGNUM, BN_free>;

constexpr absl::string_view kCaPrefix = "Cronium CA ";
constexpr absl::string_view kScheme = "cronium://";
// ub-common-name of RFC 5280, appendix A.1.
constexpr size_t kMaxCommonName = 64;

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

absl::Status CheckTimes(absl::Time not_before, absl::Time not_after) {
  return not_before < not_after ? absl::OkStatus()
                                : Invalid("not_after", "is not after not_before");
}

// 126 random bits: positive, of one length, and within the 20 bytes of RFC 5280 section 4.1.2.2.
absl::Status SetSerial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return OpenSslError("cannot draw a serial number");
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3f) | 0x40);
  UniqueNumber number(BN_bin2bn(bytes, sizeof(bytes), nullptr));
  if (number == nullptr ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return OpenSslError("cannot set the serial number");
  }
  return absl::OkStatus();
}

absl::Status AddCommonName(X509_NAME* name, absl::string_view common_name) {
  if (X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1) {
    return OpenSslError("cannot set the subject");
  }
  return absl::OkStatus();
}

// value in OpenSSL's configuration syntax; constants only, never text from outside.
absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  UniqueExtension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return OpenSslError(absl::StrCat("cannot add the extension ", value));
  }
  return absl::OkStatus();
}

absl::Status AddExtensions(X509* certificate, X509* issuer,
                           std::initializer_list<std::pair<int, const char*>> extensions) {
  for (const auto& [nid, value] : extensions) {
    absl::Status added = AddExtension(certificate, issuer, nid, value);
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

// A certificate for key, unsigned, with all that both kinds of ours have.
absl::StatusOr<UniqueCertificate> NewCertificate(EVP_PKEY* key, absl::string_view common_name,
                                                 absl::Time not_before, absl::Time not_after) {
  UniqueCertificate certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_pubkey(certificate.get(), key) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(not_before)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(not_after)) == nullptr) {
    return OpenSslError("cannot make a certificate");
  }
  absl::Status status = SetSerial(certificate.get());
  if (status.ok()) status = AddCommonName(X509_get_subject_name(certificate.get()), common_name);
  if (!status.ok()) return status;
  return certificate;
}

absl::StatusOr<KeyAndCertificate> SignAndEncode(UniqueKey key, UniqueCertificate certificate,
                                                EVP_PKEY* signing_key) {
  if (X509_sign(certificate.get(), signing_key, EVP_sha256()) == 0) {
    return OpenSslError("cannot sign a certificate");
  }
  absl::StatusOr<std::string> key_pem = PrivateKeyToPem(key.get());
  if (!key_pem.ok()) return key_pem.status();
  absl::StatusOr<std::string> certificate_pem = CertificateToPem(certificate.get());
  if (!certificate_pem.ok()) return certificate_pem.status();
  return KeyAndCertificate{*std::move(key_pem), *std::move(certificate_pem)};
}

bool IsHostName(absl::string_view host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
  });
}

// Takes over value.
absl::Status PushName(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
  OpenSslPtr<ASN1_STRING, ASN1_STRING_free> owned(value);
  OpenSslPtr<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
  if (owned == nullptr || name == nullptr) return OpenSslError("cannot make a subject name");
  GENERAL_NAME_set0_value(name.get(), type, owned.release());
  if (sk_GENERAL_NAME_push(names, name.get()) <= 0) return OpenSslError("cannot add a name");
  name.release();
  return absl::OkStatus();
}

ASN1_STRING* NewString(int type, const void* data, size_t size) {
  ASN1_STRING* string = ASN1_STRING_type_new(type);
  if (string != nullptr && ASN1_STRING_set(string, data, static_cast<int>(size)) != 1) {
    ASN1_STRING_free(string);
    return nullptr;
  }
  return string;
}

absl::Status AddSubjectNames(X509* certificate, const CertificateRequest& request) {
  UniqueNames names(GENERAL_NAMES_new());
  absl::Status status = PushName(
      names.get(), GEN_URI, NewString(V_ASN1_IA5STRING, request.uri.data(), request.uri.size()));
  for (size_t i = 0; status.ok() && i < request.hosts.size(); ++i) {
    const std::string& host = request.hosts[i];
    unsigned char address[sizeof(in6_addr)];
    if (inet_pton(AF_INET, host.c_str(), address) == 1) {
      status = PushName(names.get(), GEN_IPADD,
                        NewString(V_ASN1_OCTET_STRING, address, sizeof(in_addr)));
    } else if (inet_pton(AF_INET6, host.c_str(), address) == 1) {
      status = PushName(names.get(), GEN_IPADD,
                        NewString(V_ASN1_OCTET_STRING, address, sizeof(in6_addr)));
    } else if (IsHostName(host)) {
      status =
          PushName(names.get(), GEN_DNS, NewString(V_ASN1_IA5STRING, host.data(), host.size()));
    } else {
      status = Invalid(absl::StrCat("hosts[", i, "]"),
                       absl::StrCat("\"", host, "\" is neither a host name nor an address"));
    }
  }
  if (!status.ok()) return status;
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) !=
      1) {
    return OpenSslError("cannot add the subject's names");
  }
  return absl::OkStatus();
}

struct Ca {
  UniqueKey key;
  UniqueCertificate certificate;
};

absl::StatusOr<Ca> LoadCa(const KeyAndCertificate& pems) {
  absl::StatusOr<UniqueKey> key = PrivateKeyFromPem(pems.key_pem);
  if (!key.ok()) return Invalid("CA key", key.status().message());
  absl::StatusOr<UniqueCertificate> certificate = CertificateFromPem(pems.certificate_pem);
  if (!certificate.ok()) return Invalid("CA certificate", certificate.status().message());
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    (void)OpenSslError("");
    return Invalid("CA certificate", "does not belong to the CA key");
  }
  if (X509_check_ca(certificate->get()) != 1) {
    return Invalid("CA certificate", "is not one of a CA");
  }
  return Ca{*std::move(key), *std::move(certificate)};
}

absl::StatusOr<absl::Time> EndOf(X509* certificate) {
  std::tm end;
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) {
    return OpenSslError("cannot read the CA certificate's end");
  }
  return absl::FromTM(end, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<KeyAndCertificate> MakeCa(absl::string_view cluster, absl::Time not_before,
                                         absl::Time not_after) {
  constexpr size_t kMaxCluster = kMaxCommonName - kCaPrefix.size();
  if (!IsName(cluster) || cluster.size() > kMaxCluster) {
    return Invalid("cluster", absl::StrCat("\"", cluster, "\" is not 1 to ", kMaxCluster,
                                           " of a-z, 0-9, - and ., with a letter or digit at each "
                                           "end"));
  }
  absl::Status status = CheckTimes(not_before, not_after);
  if (!status.ok()) return status;
  absl::StatusOr<UniqueKey> key = GenerateP256Key();
  if (!key.ok()) return key.status();
  absl::StatusOr<UniqueCertificate> certificate =
      NewCertificate(key->get(), absl::StrCat(kCaPrefix, cluster), not_before, not_after);
  if (!certificate.ok()) return certificate.status();
  X509* ca = certificate->get();
  if (X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1) {
    return OpenSslError("cannot set the issuer");
  }
  status = AddExtensions(ca, ca,
                         {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                          {NID_key_usage, "critical,keyCertSign,cRLSign"},
                          {NID_subject_key_identifier, "hash"}});
  if (!status.ok()) return status;
  EVP_PKEY* own_key = key->get();
  return SignAndEncode(*std::move(key), *std::move(certificate), own_key);
}

absl::StatusOr<KeyAndCertificate> IssueCertificate(const KeyAndCertificate& ca_pems,
                                                   const CertificateRequest& request) {
  absl::StatusOr<PeerIdentity> identity = ParseIdentityUri(request.uri);
  if (!identity.ok()) return Invalid("uri", identity.status().message());
  absl::Status status = CheckTimes(request.not_before, request.not_after);
  if (!status.ok()) return status;
  absl::StatusOr<Ca> ca = LoadCa(ca_pems);
  if (!ca.ok()) return ca.status();
  absl::StatusOr<absl::Time> ca_end = EndOf(ca->certificate.get());
  if (!ca_end.ok()) return ca_end.status();
  absl::StatusOr<UniqueKey> key = GenerateP256Key();
  if (!key.ok()) return key.status();
  absl::StatusOr<UniqueCertificate> certificate =
      NewCertificate(key->get(), identity->kind == "node" ? identity->node : identity->kind,
                     request.not_before, std::min(request.not_after, *ca_end));
  if (!certificate.ok()) return certificate.status();
  X509* issuer = ca->certificate.get();
  if (X509_set_issuer_name(certificate->get(), X509_get_subject_name(issuer)) != 1) {
    return OpenSslError("cannot set the issuer");
  }
  status = AddSubjectNames(certificate->get(), request);
  if (!status.ok()) return status;
  status = AddExtensions(certificate->get(), issuer,
                         {{NID_basic_constraints, "critical,CA:FALSE"},
                          {NID_key_usage, "critical,digitalSignature"},
                          {NID_ext_key_usage, "serverAuth,clientAuth"},
                          {NID_subject_key_identifier, "hash"},
                          {NID_authority_key_identifier, "keyid"}});
  if (!status.ok()) return status;
  return SignAndEncode(*std::move(key), *std::move(certificate), ca->key.get());
}

std::string NodeUri(absl::string_view cluster, absl::string_view node) {
  return absl::StrCat(kScheme, cluster, "/node/", node);
}

std::string ControllerUri(absl::string_view cluster) {
  return absl::StrCat(kScheme, cluster, "/controller");
}

absl::StatusOr<PeerIdentity> ParseIdentityUri(absl::string_view uri) {
  absl::string_view rest = uri;
  if (absl::ConsumePrefix(&rest, kScheme)) {
    const std::vector<std::string> parts = absl::StrSplit(rest, '/');
    if (IsName(parts[0])) {
      if (parts.size() == 2 && parts[1] == "controller") {
        return PeerIdentity{parts[0], "controller", ""};
      }
      if (parts.size() == 3 && parts[1] == "node" && IsName(parts[2])) {
        return PeerIdentity{parts[0], "node", parts[2]};
      }
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", uri, "\" is neither cronium://CLUSTER/controller nor cronium://CLUSTER/node/NAME"));
}

absl::StatusOr<PeerIdentity> IdentityOfCertificate(absl::string_view certificate_pem) {
  absl::StatusOr<UniqueCertificate> certificate = CertificateFromPem(certificate_pem);
  if (!certificate.ok()) return Invalid("certificate", certificate.status().message());
  const UniqueNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate->get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    absl::StatusOr<PeerIdentity> identity = ParseIdentityUri(
        absl::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                          static_cast<size_t>(ASN1_STRING_length(uri))));
    if (identity.ok()) return identity;
  }
  return Invalid("certificate", "names no node and no controller of a cluster");
}

absl::StatusOr<std::string> ClusterOfCa(absl::string_view ca_certificate_pem) {
  absl::StatusOr<UniqueCertificate> certificate = CertificateFromPem(ca_certificate_pem);
  if (!certificate.ok()) return Invalid("CA certificate", certificate.status().message());
  char text[kMaxCommonName + 1];
  const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate->get()),
                                               NID_commonName, text, sizeof(text));
  absl::string_view name(text, length < 0 ? 0 : length);
  if (!absl::ConsumePrefix(&name, kCaPrefix) || !IsName(name)) {
    return Invalid("CA certificate", "its subject is not \"Cronium CA CLUSTER\"");
  }
  return std::string(name);
}

}  // namespace cronium
