// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_RPC_CREDENTIALS_H_
#define CRONIUM_COMMON_RPC_CREDENTIALS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/pki/pki.h"

namespace cronium {

// Paths of PEM files.
struct TlsFiles {
  std::string ca;
  std::string certificate;
  std::string key;
};

// TLS that asks each client for a certificate and checks one that is given, but lets clients
// without one in: who may call what is decided above TLS, where a refusal can say its reason.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerTls(const TlsFiles& files);

// Where certificate and key are empty, the client shows none.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ClientTls(const TlsFiles& files);

// Clear text, only for loopback addresses.
std::shared_ptr<grpc::ServerCredentials> DevServerCredentials();
std::shared_ptr<grpc::ChannelCredentials> DevChannelCredentials();

// Whether HOST:PORT or [HOST]:PORT names the loopback: localhost, 127.0.0.0/8, ::1.
bool IsLoopbackAddress(const std::string& address);

// Keepalive and limits that all our channels share: a peer that stopped is noticed within 15 s.
// own_connection gives the channel a connection of its own even where another one has equal
// arguments.
grpc::ChannelArguments ClientChannelArguments(bool own_connection = false);

// The same on the server's side: permits those pings, one listener per port, max_receive_bytes per
// message.
void ApplyServerArguments(grpc::ServerBuilder* builder, int max_receive_bytes);

// Who the peer's certificate says it is; none where it showed no certificate or one that is not of
// our form.
std::optional<PeerIdentity> PeerOf(const grpc::AuthContext& auth_context);

}  // namespace cronium

#endif  // CRONIUM_COMMON_RPC_CREDENTIALS_H_
