// SPDX-License-Identifier: Apache-2.0
#include "common/pki/pki.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/openssl/openssl.h"

namespace cronium {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

KeyAndCertificate Ca(absl::string_view cluster = "main") {
  return MakeCa(cluster, kNow, kNow + absl::Hours(24 * 3650)).value();
}

CertificateRequest NodeRequest() {
  return {NodeUri("main", "web-1"),
          {"web-1.example.com", "10.0.0.1", "::1"},
          kNow,
          kNow + absl::Hours(24)};
}

// What TLS would say, as a client and as a server of the name; 0 is good.
int VerifyAgainst(const std::string& ca_pem, const std::string& certificate_pem, absl::Time when,
                  int purpose) {
  UniqueCertificate ca = CertificateFromPem(ca_pem).value();
  UniqueCertificate certificate = CertificateFromPem(certificate_pem).value();
  OpenSslPtr<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), ca.get());
  OpenSslPtr<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr);
  X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(when));
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT);
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

std::vector<std::string> UrisOf(const std::string& pem) {
  UniqueCertificate certificate = CertificateFromPem(pem).value();
  OpenSslPtr<GENERAL_NAMES, GENERAL_NAMES_free> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> uris;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    uris.emplace_back(
        reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier)),
        ASN1_STRING_length(name->d.uniformResourceIdentifier));
  }
  return uris;
}

TEST(PkiTest, ACertificateOfTheCaIsGoodForClientsAndServers) {
  const KeyAndCertificate ca = Ca();
  const KeyAndCertificate node = IssueCertificate(ca, NodeRequest()).value();
  for (const int purpose : {X509_PURPOSE_SSL_CLIENT, X509_PURPOSE_SSL_SERVER}) {
    EXPECT_EQ(
        VerifyAgainst(ca.certificate_pem, node.certificate_pem, kNow + absl::Hours(1), purpose),
        X509_V_OK);
  }
}

TEST(PkiTest, ACertificateHoldsOnlyWithinItsTimes) {
  const KeyAndCertificate ca = Ca();
  const KeyAndCertificate node = IssueCertificate(ca, NodeRequest()).value();
  EXPECT_EQ(VerifyAgainst(ca.certificate_pem, node.certificate_pem, kNow + absl::Hours(25),
                          X509_PURPOSE_SSL_CLIENT),
            X509_V_ERR_CERT_HAS_EXPIRED);
  EXPECT_EQ(VerifyAgainst(ca.certificate_pem, node.certificate_pem, kNow - absl::Hours(1),
                          X509_PURPOSE_SSL_CLIENT),
            X509_V_ERR_CERT_NOT_YET_VALID);
}

TEST(PkiTest, AnotherCaOfTheSameNameDoesNotVouchForIt) {
  const KeyAndCertificate node = IssueCertificate(Ca(), NodeRequest()).value();
  EXPECT_NE(VerifyAgainst(Ca().certificate_pem, node.certificate_pem, kNow + absl::Hours(1),
                          X509_PURPOSE_SSL_CLIENT),
            X509_V_OK);
}

TEST(PkiTest, ANodesCertificateCannotIssueOthers) {
  const KeyAndCertificate node = IssueCertificate(Ca(), NodeRequest()).value();
  const absl::Status status = IssueCertificate(node, NodeRequest()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("is not one of a CA"));
}

TEST(PkiTest, ACertificateNamesItsIdentityAndItsHosts) {
  const KeyAndCertificate node = IssueCertificate(Ca(), NodeRequest()).value();
  EXPECT_THAT(UrisOf(node.certificate_pem), ElementsAre("cronium://main/node/web-1"));
  UniqueCertificate certificate = CertificateFromPem(node.certificate_pem).value();
  EXPECT_EQ(X509_check_host(certificate.get(), "web-1.example.com", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "other.example.com", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "10.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "10.0.0.2", 0), 0);
}

TEST(PkiTest, AKeyBelongsToItsCertificateAndIsNewEachTime) {
  const KeyAndCertificate ca = Ca();
  std::set<std::string> keys;
  for (int i = 0; i < 3; ++i) {
    const KeyAndCertificate node = IssueCertificate(ca, NodeRequest()).value();
    UniqueKey key = PrivateKeyFromPem(node.key_pem).value();
    UniqueCertificate certificate = CertificateFromPem(node.certificate_pem).value();
    EXPECT_EQ(X509_check_private_key(certificate.get(), key.get()), 1);
    keys.insert(node.key_pem);
  }
  EXPECT_EQ(keys.size(), 3u);
}

TEST(PkiTest, ACertificateEndsWithItsCaAtTheLatest) {
  CertificateRequest request = NodeRequest();
  request.not_after = kNow + absl::Hours(24 * 36500);
  const KeyAndCertificate ca = Ca();
  UniqueCertificate issuer = CertificateFromPem(ca.certificate_pem).value();
  UniqueCertificate certificate =
      CertificateFromPem(IssueCertificate(ca, request).value().certificate_pem).value();
  EXPECT_EQ(
      ASN1_TIME_compare(X509_get0_notAfter(certificate.get()), X509_get0_notAfter(issuer.get())),
      0);
}

TEST(PkiTest, BadRequestsNameTheField) {
  const KeyAndCertificate ca = Ca();
  const auto message = [&](const std::function<void(CertificateRequest*)>& change) {
    CertificateRequest request = NodeRequest();
    change(&request);
    const absl::Status status = IssueCertificate(ca, request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message([](auto* r) { r->uri = "https://example.com"; }), HasSubstr("uri: "));
  EXPECT_THAT(message([](auto* r) { r->hosts[1] = "a,URI:cronium://main/controller"; }),
              HasSubstr("hosts[1]: "));
  EXPECT_THAT(message([](auto* r) { r->hosts[0] = ""; }), HasSubstr("hosts[0]: "));
  EXPECT_THAT(message([](auto* r) { r->not_after = r->not_before; }), HasSubstr("not_after: "));
}

TEST(PkiTest, ACaMustBeWhole) {
  KeyAndCertificate mixed = Ca();
  mixed.key_pem = Ca().key_pem;
  EXPECT_THAT(IssueCertificate(mixed, NodeRequest()).status().message(),
              HasSubstr("does not belong to the CA key"));
  EXPECT_THAT(IssueCertificate({"junk", Ca().certificate_pem}, NodeRequest()).status().message(),
              HasSubstr("CA key: "));
  EXPECT_THAT(IssueCertificate({Ca().key_pem, "junk"}, NodeRequest()).status().message(),
              HasSubstr("CA certificate: "));
}

TEST(PkiTest, ClusterNamesAreCheckedAndReadBackFromTheCa) {
  EXPECT_EQ(ClusterOfCa(Ca("prod-1.eu").certificate_pem).value(), "prod-1.eu");
  const std::string longest(53, 'c');
  EXPECT_EQ(ClusterOfCa(Ca(longest).certificate_pem).value(), longest);
  for (const std::string& bad :
       {std::string(), std::string("UPPER"), std::string("a/b"), std::string(54, 'c')}) {
    EXPECT_THAT(MakeCa(bad, kNow, kNow + absl::Hours(1)).status().message(),
                HasSubstr("cluster: "));
  }
}

TEST(PkiTest, ANodesCertificateNamesNoCluster) {
  const KeyAndCertificate node = IssueCertificate(Ca(), NodeRequest()).value();
  EXPECT_FALSE(ClusterOfCa(node.certificate_pem).ok());
  EXPECT_FALSE(ClusterOfCa("junk").ok());
}

TEST(PkiTest, UrisOfOursAreReadBack) {
  const PeerIdentity node = ParseIdentityUri(NodeUri("main", "web-1")).value();
  EXPECT_EQ(node.cluster, "main");
  EXPECT_EQ(node.kind, "node");
  EXPECT_EQ(node.node, "web-1");
  const PeerIdentity controller = ParseIdentityUri(ControllerUri("main")).value();
  EXPECT_EQ(controller.kind, "controller");
  EXPECT_EQ(controller.node, "");
}

TEST(PkiTest, OtherUrisAreNoIdentity) {
  for (const char* uri :
       {"", "cronium://", "cronium:///controller", "cronium://main", "cronium://main/",
        "cronium://main/node", "cronium://main/node/", "cronium://main/node/web-1/x",
        "cronium://main/node/WEB", "cronium://main/node/../controller",
        "cronium://main/controller/", "cronium://main/Controller", "CRONIUM://main/controller",
        "spiffe://main/node/web-1", "cronium://a b/controller", "cronium://main/agent/web-1"}) {
    EXPECT_FALSE(ParseIdentityUri(uri).ok()) << uri;
  }
}

TEST(PkiTest, ACertificateSaysWhoseItIs) {
  const KeyAndCertificate ca = Ca();
  const auto node = IssueCertificate(ca, NodeRequest());
  ASSERT_TRUE(node.ok()) << node.status();
  const auto identity = IdentityOfCertificate(node->certificate_pem);
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->cluster, "main");
  EXPECT_EQ(identity->kind, "node");
  EXPECT_EQ(identity->node, "web-1");
  EXPECT_FALSE(IdentityOfCertificate(ca.certificate_pem).ok());
  EXPECT_FALSE(IdentityOfCertificate("no certificate").ok());
}

}  // namespace
}  // namespace cronium
