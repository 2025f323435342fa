// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_RUNTIME_GATEWAY_HTTP_RAW_CLIENT_H_
#define CRONIUM_TESTS_RUNTIME_GATEWAY_HTTP_RAW_CLIENT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/file.h"

namespace cronium::gateway {

struct RawReply {
  // 0 where the connection ended before a whole answer.
  int status = 0;
  std::string reason;
  // Names in lower case.
  std::map<std::string, std::string> headers;
  std::string body;
};

// One connection to the gateway, on which a test sends the very bytes it wants. A read waits for at
// most 30 s.
class RawConnection {
 public:
  // The path of a unix socket, or 127.0.0.1:PORT. Fails the test where nothing answers.
  explicit RawConnection(const std::string& address);

  // False where the other side has closed.
  bool Send(absl::string_view bytes);
  // The next answer; 100 Continue is one. to_head: the answer has no body whatever it says.
  RawReply Read(bool to_head = false);
  // Whether the other side closes without another byte.
  bool ReadsEnd();
  // No more bytes will be sent.
  void FinishSending();
  int fd() const { return fd_.get(); }

 private:
  bool Fill();

  UniqueFd fd_;
  std::string buffer_;
};

// A request with Content-Length where there is a body.
std::string RequestText(absl::string_view method, absl::string_view target,
                        const std::vector<std::string>& headers, absl::string_view body = "");

}  // namespace cronium::gateway

#endif  // CRONIUM_TESTS_RUNTIME_GATEWAY_HTTP_RAW_CLIENT_H_
