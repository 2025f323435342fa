// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_PKI_PKI_H_
#define CRONIUM_COMMON_PKI_PKI_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// The cluster's certificates: one CA, P-256 keys, X.509 v3. Who a certificate speaks for is its one
// URI name:
//   cronium://CLUSTER/controller      cronium://CLUSTER/node/NAME
namespace cronium {

struct KeyAndCertificate {
  std::string key_pem;
  std::string certificate_pem;
};

struct CertificateRequest {
  // URI subject alternative name, as above.
  std::string uri;
  // Names and addresses that servers are reached by; each is told apart by its form.
  std::vector<std::string> hosts;
  absl::Time not_before;
  absl::Time not_after;
};

// A self-signed CA whose common name is "Cronium CA CLUSTER".
absl::StatusOr<KeyAndCertificate> MakeCa(absl::string_view cluster, absl::Time not_before,
                                         absl::Time not_after);

// A new key with a certificate signed by the CA, for client and server use.
absl::StatusOr<KeyAndCertificate> IssueCertificate(const KeyAndCertificate& ca,
                                                   const CertificateRequest& request);

// What a certificate's URI says.
struct PeerIdentity {
  std::string cluster;
  // `controller` or `node`.
  std::string kind;
  // Of the node; empty for the controller.
  std::string node;
};
std::string NodeUri(absl::string_view cluster, absl::string_view node);
std::string ControllerUri(absl::string_view cluster);
// INVALID_ARGUMENT where uri is none of ours.
absl::StatusOr<PeerIdentity> ParseIdentityUri(absl::string_view uri);

// What the URI of a certificate says, whoever signed it.
absl::StatusOr<PeerIdentity> IdentityOfCertificate(absl::string_view certificate_pem);

// The cluster that a CA of MakeCa was made for.
absl::StatusOr<std::string> ClusterOfCa(absl::string_view ca_certificate_pem);

}  // namespace cronium

#endif  // CRONIUM_COMMON_PKI_PKI_H_
