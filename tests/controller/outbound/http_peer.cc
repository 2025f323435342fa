// SPDX-License-Identifier: Apache-2.0
#include "tests/controller/outbound/http_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cronium::controller {
namespace {

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::abort();
}

SSL_CTX* MakeTls(const HttpPeer::Tls& tls) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  BIO* certificate_text = BIO_new_mem_buf(tls.certificate_pem.data(), -1);
  BIO* key_text = BIO_new_mem_buf(tls.key_pem.data(), -1);
  X509* certificate = PEM_read_bio_X509(certificate_text, nullptr, nullptr, nullptr);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_text, nullptr, nullptr, nullptr);
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  BIO_free(certificate_text);
  BIO_free(key_text);
  return context;
}

}  // namespace

bool PeerRequest::Has(absl::string_view header_line) const {
  return absl::StrContains(absl::AsciiStrToLower(head),
                           absl::StrCat("\r\n", absl::AsciiStrToLower(header_line), "\r\n"));
}

bool PeerRequest::HasHeader(absl::string_view name) const {
  return absl::StrContains(absl::AsciiStrToLower(head),
                           absl::StrCat("\r\n", absl::AsciiStrToLower(name), ":"));
}

// Bytes over one connection, in clear or over TLS.
class HttpPeer::Connection {
 public:
  Connection(int fd, SSL_CTX* tls) : fd_(fd) {
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, fd);
    open_ = SSL_accept(ssl_) == 1;
  }
  ~Connection() {
    if (ssl_ != nullptr) SSL_free(ssl_);
  }

  // False once the client is gone.
  bool Read(std::string* buffer) {
    char bytes[16384];
    if (!open_) return false;
    const auto size =
        ssl_ != nullptr ? SSL_read(ssl_, bytes, sizeof(bytes)) : recv(fd_, bytes, sizeof(bytes), 0);
    if (size <= 0) return open_ = false;
    buffer->append(bytes, static_cast<size_t>(size));
    return true;
  }
  void Write(absl::string_view bytes) {
    while (open_ && !bytes.empty()) {
      const auto size = ssl_ != nullptr
                            ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                            : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) {
        open_ = false;
        return;
      }
      bytes.remove_prefix(static_cast<size_t>(size));
    }
  }

 private:
  const int fd_;
  SSL* ssl_ = nullptr;
  bool open_ = true;
};

HttpPeer::HttpPeer(Handler handler, std::string address, std::optional<Tls> tls)
    : handler_(std::move(handler)), address_(std::move(address)) {
  if (tls.has_value()) tls_ = MakeTls(*tls);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in bound{};
  bound.sin_family = AF_INET;
  inet_pton(AF_INET, address_.c_str(), &bound.sin_addr);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&bound), sizeof(bound)) != 0) Die("bind");
  if (listen(listener_, 64) != 0) Die("listen");
  socklen_t size = sizeof(bound);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

HttpPeer::~HttpPeer() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mutex_);
    threads = std::move(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  close(listener_);
  SSL_CTX_free(tls_);
}

std::string HttpPeer::Url(absl::string_view path) const {
  return absl::StrCat(tls_ != nullptr ? "https" : "http", "://", address_, ":", port_, path);
}

std::vector<PeerRequest> HttpPeer::requests() const {
  MutexLock lock(&mutex_);
  return requests_;
}

int HttpPeer::connections() const {
  MutexLock lock(&mutex_);
  return connections_;
}

std::string HttpPeer::Answer(int status, absl::string_view body, absl::string_view headers) {
  return absl::StrCat("HTTP/1.1 ", status, " Status\r\n", headers, "Content-Length: ", body.size(),
                      "\r\n\r\n", body);
}

void HttpPeer::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    MutexLock lock(&mutex_);
    if (stopping_) {
      close(fd);
      return;
    }
    ++connections_;
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void HttpPeer::Serve(int fd) {
  sigset_t pipe;  // SSL_write raises it where the client hung up.
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  {
    Connection connection(fd, tls_);
    std::string buffer;
    while (true) {
      size_t end;
      bool alive = true;
      while ((end = buffer.find("\r\n\r\n")) == std::string::npos && alive) {
        alive = connection.Read(&buffer);
        // Where a client speaks TLS to it (a handshake's first byte), it says so as servers do.
        if (!buffer.empty() && buffer[0] == 0x16) {
          connection.Write(Answer(400, "speak clear text"));
          alive = false;
        }
      }
      if (!alive) break;
      PeerRequest request;
      request.head = buffer.substr(0, end + 4);
      buffer.erase(0, end + 4);
      const std::vector<std::string> words =
          absl::StrSplit(request.head.substr(0, request.head.find('\r')), ' ');
      request.method = words[0];
      request.target = words.size() > 1 ? words[1] : "";
      size_t length = 0;
      for (const absl::string_view line : absl::StrSplit(request.head, "\r\n")) {
        if (absl::StartsWithIgnoreCase(line, "content-length:")) {
          if (!absl::SimpleAtoi(line.substr(15), &length)) length = 0;
        }
      }
      while (buffer.size() < length && alive) alive = connection.Read(&buffer);
      request.body = buffer.substr(0, length);
      buffer.erase(0, length);
      {
        MutexLock lock(&mutex_);
        requests_.push_back(request);
      }
      const std::optional<std::string> answer = handler_(request);
      if (!answer.has_value()) {
        while (connection.Read(&buffer)) {
        }
        break;
      }
      if (answer->empty()) break;
      connection.Write(*answer);
    }
  }
  MutexLock lock(&mutex_);
  open_.erase(std::remove(open_.begin(), open_.end(), fd), open_.end());
  close(fd);
}

}  // namespace cronium::controller
