// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/http/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace cronium::gateway {
namespace {

constexpr int kBacklog = 1024;
// Where it is bound before it is renamed.
constexpr absl::string_view kNewSuffix = ".new";

absl::Status TooLong(const std::string& path) {
  return absl::InvalidArgumentError(absl::StrCat(
      "socket-dir: ", path, " has ", path.size(), " bytes; a socket's path may have at most ",
      sizeof(sockaddr_un::sun_path) - 1 - kNewSuffix.size()));
}

sockaddr_un UnixAddress(absl::string_view path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

absl::StatusOr<UniqueFd> NewSocket(int family) {
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "cannot make a socket");
  return fd;
}

absl::Status InUse(const std::string& path) {
  return absl::AlreadyExistsError(absl::StrCat(
      path, ": another runtime gateway serves this folder; stop it, or give another --socket-dir"));
}

// Who may serve a folder is whoever holds the abstract socket named after the folder's inode: one
// name however the folder is reached, let go by the kernel however the process ends, and out of
// reach of containers, which have network namespaces of their own. A lock on a file would not do:
// the folder is mounted into containers, and whoever can open a file for reading can also lock it.
absl::StatusOr<UniqueFd> ClaimFolder(const std::string& folder, const std::string& path) {
  struct stat info;
  if (stat(folder.c_str(), &info) != 0) return ErrnoError(folder, "cannot look at it", errno);
  const std::string name =
      absl::StrCat("cronium-runtime-gateway-", static_cast<uint64_t>(info.st_dev), "-",
                   static_cast<uint64_t>(info.st_ino));
  absl::StatusOr<UniqueFd> fd = NewSocket(AF_UNIX);
  if (!fd.ok()) return fd.status();
  sockaddr_un address = UnixAddress(absl::StrCat(absl::string_view("\0", 1), name));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd->get(), reinterpret_cast<sockaddr*>(&address), length) != 0) {
    return errno == EADDRINUSE ? InUse(path) : ErrnoError(path, "cannot claim the folder", errno);
  }
  return fd;
}

// Whether something accepts connections at path; it could be a gateway of another network
// namespace, which ClaimFolder cannot see.
bool IsServed(const std::string& path) {
  absl::StatusOr<UniqueFd> fd = NewSocket(AF_UNIX);
  if (!fd.ok()) return false;
  sockaddr_un address = UnixAddress(path);
  // A full backlog is EAGAIN, and a sign of life too.
  return connect(fd->get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 ||
         errno == EAGAIN;
}

absl::Status PrepareFolder(const std::string& folder) {
  if (absl::Status made = MakeDirectories(folder, 0755); !made.ok()) return made;
  struct stat info;
  if (stat(folder.c_str(), &info) != 0) return ErrnoError(folder, "cannot look at it", errno);
  if (!S_ISDIR(info.st_mode)) return ErrnoError(folder, "cannot be used", ENOTDIR);
  // Jobs of any user reach the socket through the folder.
  if ((info.st_mode & 07777) != 0755 && chmod(folder.c_str(), 0755) != 0) {
    return ErrnoError(folder, "cannot set its mode to 0755", errno);
  }
  return absl::OkStatus();
}

struct LoopbackAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;
  std::string host;
};

absl::StatusOr<LoopbackAddress> ParseLoopback(const std::string& text) {
  const auto invalid = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("listen: \"", text, "\" ", what));
  };
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(colon + 1), &port) ||
      port > 65535) {
    return invalid("is not HOST:PORT");
  }
  LoopbackAddress out;
  out.host = text.substr(0, colon);
  std::string host = out.host == "localhost" ? "127.0.0.1" : out.host;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    if ((ntohl(v4->sin_addr.s_addr) >> 24) != 127) return invalid("is not on the loopback");
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    out.length = sizeof(sockaddr_in);
    return out;
  }
  if (host == "[::1]") {
    v6->sin6_family = AF_INET6;
    v6->sin6_addr = in6addr_loopback;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    out.length = sizeof(sockaddr_in6);
    return out;
  }
  return invalid("is not on the loopback: 127.0.0.0/8, [::1] and localhost are");
}

}  // namespace

Listener::Listener(Transport transport, std::string address, UniqueFd fd, UniqueFd claim)
    : transport_(transport),
      address_(std::move(address)),
      fd_(std::move(fd)),
      claim_(std::move(claim)) {}

void Listener::Shut() {
  if (!fd_.valid() || std::exchange(shut_, true)) return;
  // First the name, so that nobody finds a socket that answers no more.
  if (transport_ == Transport::kUnixSocket) unlink(address_.c_str());
  shutdown(fd_.get(), SHUT_RDWR);
}

void Listener::Close() {
  Shut();
  fd_.Reset();
  claim_.Reset();
}

absl::StatusOr<Listener> Listener::OnUnixSocket(const std::string& folder) {
  const std::string path = absl::StrCat(absl::StripSuffix(folder, "/"), "/", kSocketName);
  const std::string new_path = absl::StrCat(path, kNewSuffix);
  if (new_path.size() >= sizeof(sockaddr_un::sun_path)) return TooLong(path);
  if (absl::Status prepared = PrepareFolder(folder); !prepared.ok()) return prepared;
  absl::StatusOr<UniqueFd> claim = ClaimFolder(folder, path);
  if (!claim.ok()) return claim.status();
  if (IsServed(path)) return InUse(path);

  absl::StatusOr<UniqueFd> fd = NewSocket(AF_UNIX);
  if (!fd.ok()) return fd.status();
  if (unlink(new_path.c_str()) != 0 && errno != ENOENT) {
    return ErrnoError(new_path, "cannot remove what an earlier start left", errno);
  }
  sockaddr_un address = UnixAddress(new_path);
  if (bind(fd->get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoError(new_path, "cannot bind", errno);
  }
  if (chmod(new_path.c_str(), 0666) != 0) {
    return ErrnoError(new_path, "cannot set its mode to 0666", errno);
  }
  if (listen(fd->get(), kBacklog) != 0) return ErrnoError(new_path, "cannot listen", errno);
  if (rename(new_path.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(new_path.c_str());
    return ErrnoError(path, "cannot rename the socket into place", error);
  }
  return Listener(Transport::kUnixSocket, path, *std::move(fd), *std::move(claim));
}

absl::StatusOr<Listener> Listener::OnLoopback(const std::string& text) {
  absl::StatusOr<LoopbackAddress> address = ParseLoopback(text);
  if (!address.ok()) return address.status();
  absl::StatusOr<UniqueFd> fd = NewSocket(address->storage.ss_family);
  if (!fd.ok()) return fd.status();
  // For a restart while old connections are in TIME_WAIT; two listeners on one port are still
  // refused.
  const int on = 1;
  setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  auto* sockaddr_pointer = reinterpret_cast<sockaddr*>(&address->storage);
  if (bind(fd->get(), sockaddr_pointer, address->length) != 0) {
    return ErrnoError(absl::StrCat("listen: ", text), "cannot bind", errno);
  }
  if (listen(fd->get(), kBacklog) != 0) {
    return ErrnoError(absl::StrCat("listen: ", text), "cannot listen", errno);
  }
  if (getsockname(fd->get(), sockaddr_pointer, &address->length) != 0) {
    return ErrnoError(absl::StrCat("listen: ", text), "cannot read the bound port", errno);
  }
  // The port lies at the same place in both families.
  const int port = ntohs(reinterpret_cast<sockaddr_in*>(&address->storage)->sin_port);
  return Listener(Transport::kLoopback, absl::StrCat(address->host, ":", port), *std::move(fd),
                  UniqueFd());
}

}  // namespace cronium::gateway
