// SPDX-License-Identifier: Apache-2.0
#include "controller/process/certificates.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/ids.h"

namespace cronium::controller {
namespace {

// Issued by hand, so not short-lived.
constexpr absl::Duration kCertificateLife = absl::Hours(24 * 365);
// For hosts whose clocks are behind.
constexpr absl::Duration kBackdate = absl::Hours(1);

absl::StatusOr<KeyAndCertificate> ReadCa(const DataDir& data) {
  absl::StatusOr<std::string> key = ReadFile(data.ca_key());
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> certificate = ReadFile(data.ca_certificate());
  if (!certificate.ok()) return certificate.status();
  return KeyAndCertificate{*std::move(key), *std::move(certificate)};
}

absl::Status Issue(const KeyAndCertificate& ca, CertificateRequest request, absl::Time now,
                   const std::string& key_path, const std::string& certificate_path) {
  request.not_before = now - kBackdate;
  request.not_after = now + kCertificateLife;
  absl::StatusOr<KeyAndCertificate> issued = IssueCertificate(ca, request);
  if (!issued.ok()) return issued.status();
  if (absl::Status status = WriteFileAtomic(key_path, issued->key_pem, 0600, true); !status.ok()) {
    return status;
  }
  return WriteFileAtomic(certificate_path, issued->certificate_pem, 0644, true);
}

}  // namespace

absl::Status IssueControllerCertificate(const DataDir& data, const KeyAndCertificate& ca,
                                        std::vector<std::string> hosts, absl::Time now) {
  absl::StatusOr<std::string> cluster = ClusterOfCa(ca.certificate_pem);
  if (!cluster.ok()) return cluster.status();
  for (const char* loopback : {"localhost", "127.0.0.1", "::1"}) hosts.push_back(loopback);
  return Issue(ca, {ControllerUri(*cluster), std::move(hosts), {}, {}}, now, data.key(),
               data.certificate());
}

absl::Status IssueNodeCertificate(const DataDir& data, const std::string& node,
                                  const std::string& out_dir, absl::Time now) {
  if (!IsName(node)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--node: \"", node, "\" is not 1 to 63 of [a-z0-9.-]"));
  }
  absl::StatusOr<KeyAndCertificate> ca = ReadCa(data);
  if (!ca.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(ca.status().message(), "; run `cronium-controller init` first"));
  }
  absl::StatusOr<std::string> cluster = ClusterOfCa(ca->certificate_pem);
  if (!cluster.ok()) return cluster.status();
  if (absl::Status status = MakeDirectories(out_dir, 0700); !status.ok()) return status;
  if (absl::Status status = Issue(*ca, {NodeUri(*cluster, node), {node}, {}, {}}, now,
                                  out_dir + "/node.key", out_dir + "/node.crt");
      !status.ok()) {
    return status;
  }
  return WriteFileAtomic(out_dir + "/ca.crt", ca->certificate_pem, 0644, true);
}

}  // namespace cronium::controller
