// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_PROGRAMS_TARGET_H_
#define CRONIUM_TOOLS_BENCH_PROGRAMS_TARGET_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/pki/pki.h"

namespace cronium::bench {

// The controller under measurement, and what lets us in. Thread-safe once it is made.
class Target {
 public:
  // Clear text, no credentials.
  static Target Dev(std::string address);
  // TLS with a token as a client, and with certificates from the CA's key as any node. The files
  // are those of a controller's data folder.
  static absl::StatusOr<Target> Tls(std::string address, const std::string& data_dir);

  const std::string& address() const { return address_; }
  bool dev() const { return !ca_.has_value(); }

  // Each on a connection of its own.
  std::shared_ptr<grpc::Channel> ClientChannel() const;
  absl::StatusOr<std::shared_ptr<grpc::Channel>> NodeChannel(const std::string& node) const;
  // What a node proves itself with, and what it is checked against. Not in clear text.
  absl::StatusOr<KeyAndCertificate> IssueNode(const std::string& node) const;
  const std::string& ca_certificate_pem() const { return ca_->certificate_pem; }
  // For a server at this target's address.
  absl::StatusOr<KeyAndCertificate> IssueServer() const;
  // Metadata that a client's, or a node's, calls carry.
  void IdentifyClient(grpc::ClientContext* context) const;
  void IdentifyNode(const std::string& node, grpc::ClientContext* context) const;

 private:
  std::shared_ptr<grpc::Channel> Channel(const KeyAndCertificate* identity) const;
  absl::StatusOr<KeyAndCertificate> Issue(const std::string& uri,
                                          std::vector<std::string> hosts) const;

  std::string address_;
  std::string token_;
  std::string cluster_;
  std::optional<KeyAndCertificate> ca_;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_PROGRAMS_TARGET_H_
