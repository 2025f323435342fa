// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HTTP_LISTENER_H_
#define CRONIUM_RUNTIME_GATEWAY_HTTP_LISTENER_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/file.h"
#include "runtime-gateway/http/message.h"

namespace cronium::gateway {

// Name of the socket in its folder.
inline constexpr char kSocketName[] = "runtime.sock";

// A listening socket, and what of it lies in the file system.
class Listener {
 public:
  // Listens on FOLDER/runtime.sock, which every user may connect to: the token is the authority.
  // Makes the folder where it is missing. A socket that a dead gateway left is replaced by a
  // rename, so that the path never lacks one. ALREADY_EXISTS while another gateway serves the
  // folder.
  static absl::StatusOr<Listener> OnUnixSocket(const std::string& folder);

  // Listens on HOST:PORT, where HOST is a loopback address or localhost. Port 0 is any free one.
  // INVALID_ARGUMENT for other hosts.
  static absl::StatusOr<Listener> OnLoopback(const std::string& address);

  Listener(Listener&&) = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener() { Close(); }

  int fd() const { return fd_.get(); }
  Transport transport() const { return transport_; }
  // The socket's path, or HOST:PORT with the port that was bound.
  const std::string& address() const { return address_; }

  // Removes the socket's name and refuses new connections. The descriptor stays, since another
  // thread may still use it.
  void Shut();
  void Close();

 private:
  Listener(Transport transport, std::string address, UniqueFd fd, UniqueFd claim);

  Transport transport_;
  std::string address_;
  UniqueFd fd_;
  // Of a unix socket: held as long as this process may serve the folder.
  UniqueFd claim_;
  bool shut_ = false;
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_HTTP_LISTENER_H_
