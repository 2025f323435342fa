// SPDX-License-Identifier: Apache-2.0
// The gateway between bytes on its socket and a controller in memory.
//
// Input: the pieces in which the bytes are sent, with 0x1E between them. @TOKEN@ is a good token,
// @ID@ its execution.
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/rpc/credentials.h"
#include "runtime-gateway/gateway.h"
#include "tests/fuzz/input.h"
#include "tests/runtime-gateway/http/fake_controller.h"

namespace cronium::gateway {
namespace {

using fuzz::Require;

constexpr char kExecution[] = "exec_0aZ9zA0aZ9zA";
// Long enough for an answer on an idle machine; a slower one is only seen by the end of the
// connection.
constexpr int kQuietMs = 2;
// What takes so long hangs.
constexpr int kHangMs = 25'000;

// The gateway with all of its parts.
class Bed {
 public:
  Bed() {
    SetLogLevel("error").IgnoreError();
    std::string pattern = "/tmp/cronium-fuzz-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    GatewayOptions options;
    options.socket_dir = folder_;
    options.client.dev_node = "web-1";
    options.rate_limit_per_minute = 0;
    // libmicrohttpd misses an end that comes with the last bytes: such a connection goes by this.
    options.server.idle_timeout = absl::Seconds(4);
    options.client.retry_for = absl::Seconds(5);
    gateway_ =
        Gateway::Start(options,
                       grpc::CreateCustomChannel(controller_.address(), DevChannelCredentials(),
                                                 ClientChannelArguments(true)),
                       &clock_)
            .value();
    TokenClaims claims;
    claims.execution_id = kExecution;
    claims.issued_at = absl::Now();
    claims.not_before = absl::Now() - absl::Minutes(1);
    claims.expires_at = absl::Now() + absl::Hours(100);
    token_ = controller_.service()->Sign(claims);
  }

  UniqueFd Connect() const {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, gateway_->addresses()[0].c_str(), sizeof(address.sun_path) - 1);
    Require(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
            "the gateway takes connections");
    return fd;
  }

  std::string FillIn(const std::string& text) const {
    return absl::StrReplaceAll(text, {{"@TOKEN@", token_}, {"@ID@", kExecution}});
  }

 private:
  const RealClock clock_;
  FakeController controller_;
  std::string folder_;
  std::string token_;
  std::unique_ptr<Gateway> gateway_;
};

// Reads what comes until nothing does for so long, or the connection's end. The fuzzer's alarm
// interrupts now and then; the wait begins anew.
bool ReadFor(int fd, int quiet_ms, std::string* out) {
  char bytes[65536];
  while (true) {
    pollfd entry = {fd, POLLIN, 0};
    const int ready = poll(&entry, 1, quiet_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return true;
    out->append(bytes, static_cast<size_t>(n));
  }
}

void CheckBody(int status, absl::string_view type, absl::string_view body) {
  if (type != "application/json" || body.empty()) return;
  const nlohmann::json json = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
  // A stored value may be a number past the second parser's range.
  if (status == 200) return;
  Require(json.is_object() && json.size() == 4 && json.contains("success") &&
              json.contains("error") && json.contains("message") && json.contains("code"),
          "an error has its four members", {body.data(), body.size()});
}

// All answers on a connection, one after the other. The last may be cut off where the client has
// closed its side.
void CheckAnswers(absl::string_view text) {
  const absl::string_view all = text;
  while (!text.empty()) {
    const size_t end = text.find("\r\n\r\n");
    if (end == absl::string_view::npos) return;
    const std::vector<absl::string_view> lines = absl::StrSplit(text.substr(0, end), "\r\n");
    text.remove_prefix(end + 4);
    int status = 0;
    Require((absl::StartsWith(lines[0], "HTTP/1.1 ") || absl::StartsWith(lines[0], "HTTP/1.0 ")) &&
                absl::SimpleAtoi(lines[0].substr(9, 3), &status),
            "an answer begins with a status line", {all.data(), all.size()});
    Require(status != 500, "nothing is answered 500", {all.data(), all.size()});
    size_t length = 0;
    absl::string_view type;
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> field =
          absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
      Require(!field.first.empty() && field.first.find(' ') == absl::string_view::npos,
              "a header has a name", {all.data(), all.size()});
      if (absl::EqualsIgnoreCase(field.first, "content-length")) {
        Require(absl::SimpleAtoi(field.second, &length), "a length is a number",
                {all.data(), all.size()});
      }
      if (absl::EqualsIgnoreCase(field.first, "content-type")) type = field.second;
    }
    // The answer to HEAD has a length and no body.
    if (status < 200 || absl::StartsWith(text, "HTTP/1.")) continue;
    if (text.size() < length) return;
    CheckBody(status, type, text.substr(0, length));
    text.remove_prefix(length);
  }
}

void BeHonest(const Bed& bed) {
  const UniqueFd fd = bed.Connect();
  const std::string request = bed.FillIn(
      "GET /executions/@ID@/input HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
      "Authorization: Bearer @TOKEN@\r\n\r\n");
  (void)send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  Require(ReadFor(fd.get(), kHangMs, &answer), "an honest client gets its answer");
  Require(absl::StartsWith(answer, "HTTP/1.1 200 "), "and it is right", answer);
}

}  // namespace
}  // namespace cronium::gateway

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cronium::gateway;  // NOLINT(google-build-using-namespace)
  static const Bed& bed = *new Bed();
  static int64_t runs = 0;
  const cronium::UniqueFd fd = bed.Connect();
  std::string answers;
  bool ended = false;
  for (const std::string& piece : cronium::fuzz::Split(data, size, 8)) {
    const std::string bytes = bed.FillIn(piece);
    // It may end the connection and read no further.
    (void)send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ended = ReadFor(fd.get(), kQuietMs, &answers);
    if (ended) break;
  }
  shutdown(fd.get(), SHUT_WR);
  if (!ended) {
    cronium::fuzz::Require(ReadFor(fd.get(), kHangMs, &answers),
                           "a connection ends with its client", answers);
  }
  CheckAnswers(answers);
  if (runs++ % 64 == 0) BeHonest(bed);
  return 0;
}
