// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_CONTROLLER_OUTBOUND_HTTP_PEER_H_
#define CRONIUM_TESTS_CONTROLLER_OUTBOUND_HTTP_PEER_H_

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/mutex.h"

namespace cronium::controller {

// A request as it arrived at an HttpPeer.
struct PeerRequest {
  std::string method;
  std::string target;
  // Request line and headers, as sent.
  std::string head;
  std::string body;

  // Whether a header of that line came ("X-Key: 7"), whatever the case of its name.
  bool Has(absl::string_view header_line) const;
  // Whether any header of that name came.
  bool HasHeader(absl::string_view name) const;
};

// The peer of a test: a real server on 127.0.0.x that answers each request with whatever bytes its
// handler returns. A thread per connection.
class HttpPeer {
 public:
  // What goes out as the answer; nullopt: nothing, until the client goes away; "": close at once.
  using Handler = std::function<std::optional<std::string>(const PeerRequest&)>;

  struct Tls {
    std::string certificate_pem;
    std::string key_pem;
  };

  explicit HttpPeer(Handler handler, std::string address = "127.0.0.1",
                    std::optional<Tls> tls = std::nullopt);
  ~HttpPeer();

  int port() const { return port_; }
  // `http://127.0.0.1:PORT` and the path.
  std::string Url(absl::string_view path) const;
  std::vector<PeerRequest> requests() const;
  int connections() const;

  // A whole answer with its Content-Length. headers: lines with their line ends.
  static std::string Answer(int status, absl::string_view body, absl::string_view headers = "");

 private:
  class Connection;
  void Accept();
  void Serve(int fd);

  const Handler handler_;
  const std::string address_;
  SSL_CTX* tls_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::thread acceptor_;

  mutable Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<int> open_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::vector<PeerRequest> requests_ ABSL_GUARDED_BY(mutex_);
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cronium::controller

#endif  // CRONIUM_TESTS_CONTROLLER_OUTBOUND_HTTP_PEER_H_
