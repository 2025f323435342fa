// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/target.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/file.h"
#include "common/rpc/credentials.h"

namespace cronium::bench {

Target Target::Dev(std::string address) {
  Target target;
  target.address_ = std::move(address);
  return target;
}

absl::StatusOr<Target> Target::Tls(std::string address, const std::string& data_dir) {
  Target target;
  target.address_ = std::move(address);
  target.ca_.emplace();
  for (const auto& [name, out] :
       {std::pair{"/ca.crt", &target.ca_->certificate_pem},
        std::pair{"/ca.key", &target.ca_->key_pem}, std::pair{"/admin.token", &target.token_}}) {
    absl::StatusOr<std::string> text = ReadFile(absl::StrCat(data_dir, name), 64 << 10);
    if (!text.ok()) return text.status();
    *out = *std::move(text);
  }
  target.token_ = std::string(absl::StripAsciiWhitespace(target.token_));
  absl::StatusOr<std::string> cluster = ClusterOfCa(target.ca_->certificate_pem);
  if (!cluster.ok()) return cluster.status();
  target.cluster_ = *std::move(cluster);
  return target;
}

std::shared_ptr<grpc::Channel> Target::ClientChannel() const { return Channel(nullptr); }

absl::StatusOr<std::shared_ptr<grpc::Channel>> Target::NodeChannel(const std::string& node) const {
  if (dev()) return Channel(nullptr);
  const absl::StatusOr<KeyAndCertificate> issued = IssueNode(node);
  if (!issued.ok()) return issued.status();
  return Channel(&*issued);
}

absl::StatusOr<KeyAndCertificate> Target::IssueNode(const std::string& node) const {
  return Issue(NodeUri(cluster_, node), {node});
}

absl::StatusOr<KeyAndCertificate> Target::IssueServer() const {
  return Issue(ControllerUri(cluster_), {address_.substr(0, address_.rfind(':'))});
}

absl::StatusOr<KeyAndCertificate> Target::Issue(const std::string& uri,
                                                std::vector<std::string> hosts) const {
  const absl::Time now = absl::Now();
  return IssueCertificate(*ca_, {.uri = uri,
                                 .hosts = std::move(hosts),
                                 .not_before = now - absl::Hours(1),
                                 .not_after = now + absl::Hours(24)});
}

std::shared_ptr<grpc::Channel> Target::Channel(const KeyAndCertificate* identity) const {
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (dev()) {
    credentials = DevChannelCredentials();
  } else {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ca_->certificate_pem;
    if (identity != nullptr) {
      options.pem_private_key = identity->key_pem;
      options.pem_cert_chain = identity->certificate_pem;
    }
    credentials = grpc::SslCredentials(options);
  }
  return grpc::CreateCustomChannel(address_, credentials,
                                   ClientChannelArguments(/*own_connection=*/true));
}

void Target::IdentifyClient(grpc::ClientContext* context) const {
  if (!token_.empty()) context->AddMetadata("authorization", absl::StrCat("Bearer ", token_));
}

void Target::IdentifyNode(const std::string& node, grpc::ClientContext* context) const {
  if (dev()) context->AddMetadata("cronium-dev-node", node);
}

}  // namespace cronium::bench
