// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/credentials.h"

#include <arpa/inet.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <climits>

#include "absl/strings/strip.h"
#include "common/file.h"

namespace cronium {
namespace {

constexpr int kKeepaliveTimeMs = 10'000;
constexpr int kKeepaliveTimeoutMs = 5'000;
constexpr int kMinPingIntervalMs = 5'000;

struct Pems {
  std::string ca, certificate, key;
};

absl::StatusOr<Pems> ReadPems(const TlsFiles& files) {
  Pems pems;
  for (const auto& [path, out] :
       {std::pair{&files.ca, &pems.ca}, std::pair{&files.certificate, &pems.certificate},
        std::pair{&files.key, &pems.key}}) {
    if (path->empty()) continue;
    absl::StatusOr<std::string> content = ReadFile(*path, 1 << 20);
    if (!content.ok()) return content.status();
    *out = *std::move(content);
  }
  return pems;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerTls(const TlsFiles& files) {
  absl::StatusOr<Pems> pems = ReadPems(files);
  if (!pems.ok()) return pems.status();
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = pems->ca;
  options.pem_key_cert_pairs.push_back({pems->key, pems->certificate});
  return grpc::SslServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ClientTls(const TlsFiles& files) {
  absl::StatusOr<Pems> pems = ReadPems(files);
  if (!pems.ok()) return pems.status();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = pems->ca;
  options.pem_private_key = pems->key;
  options.pem_cert_chain = pems->certificate;
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::ServerCredentials> DevServerCredentials() {
  return grpc::InsecureServerCredentials();
}

std::shared_ptr<grpc::ChannelCredentials> DevChannelCredentials() {
  return grpc::InsecureChannelCredentials();
}

bool IsLoopbackAddress(const std::string& address) {
  absl::string_view host = absl::string_view(address).substr(0, address.rfind(':'));
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  // An address, not a name that begins like one: 127.example.com may lie anywhere.
  in_addr v4;
  if (inet_pton(AF_INET, std::string(host).c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  return host == "localhost" || host == "::1";
}

grpc::ChannelArguments ClientChannelArguments(bool own_connection) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  // In spite of its name, how long a connection may take to be made, the TLS handshake included
  // (gRPC's doc/connection-backoff.md calls it MIN_CONNECT_TIMEOUT).
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetMaxReceiveMessageSize(16 << 20);
  if (own_connection) args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return args;
}

void ApplyServerArguments(grpc::ServerBuilder* builder, int max_receive_bytes) {
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              kMinPingIntervalMs);
  builder->SetMaxReceiveMessageSize(max_receive_bytes);
}

std::optional<PeerIdentity> PeerOf(const grpc::AuthContext& auth_context) {
  if (!auth_context.IsPeerAuthenticated()) return std::nullopt;
  for (const grpc::string_ref& uri : auth_context.FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    absl::StatusOr<PeerIdentity> identity =
        ParseIdentityUri(absl::string_view(uri.data(), uri.size()));
    if (identity.ok()) return *std::move(identity);
  }
  return std::nullopt;
}

}  // namespace cronium
