// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/http_load.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "tools/bench/programs/now_ns.h"

namespace cronium::bench {
namespace {

constexpr int64_t kForever = INT64_MAX;
// Nothing of ours takes that long; a load that stalls is to end.
constexpr int64_t kStallNs = 30'000'000'000;

struct Connection {
  UniqueFd fd;
  // When the request under way was to begin.
  int64_t begun_ns = 0;
  std::string received;
};

// The length of the answer at the start of text with its head, 0 while it is not known. status is
// set with it.
size_t AnswerLength(absl::string_view text, int* status) {
  const size_t end = text.find("\r\n\r\n");
  if (end == absl::string_view::npos) return 0;
  constexpr absl::string_view kLength = "\r\nContent-Length: ";
  const size_t at = text.find(kLength);
  size_t length = 0;
  if (at != absl::string_view::npos && at < end) {
    const absl::string_view rest = text.substr(at + kLength.size());
    (void)absl::SimpleAtoi(rest.substr(0, rest.find('\r')), &length);
  }
  if (!absl::SimpleAtoi(text.substr(9, 3), status)) *status = -1;
  return end + 4 + length;
}

class HttpLoad {
 public:
  explicit HttpLoad(const HttpLoadOptions& options) : options_(options) {}

  absl::StatusOr<LoadResult> Run() {
    // Wakes at the time asked for rather than up to 50 us later.
    prctl(PR_SET_TIMERSLACK, 1000UL);
    epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
    connections_.resize(options_.connections);
    for (size_t i = 0; i < connections_.size(); ++i) {
      if (absl::Status connected = Connect(i); !connected.ok()) return connected;
    }
    const int64_t start_ns = NowNs();
    count_from_ns_ = start_ns + absl::ToInt64Nanoseconds(options_.warmup);
    end_ns_ = count_from_ns_ + absl::ToInt64Nanoseconds(options_.duration);
    next_due_ns_ = options_.rate > 0 ? start_ns : kForever;
    for (size_t i = 0; i < connections_.size(); ++i) {
      if (options_.rate > 0) {
        idle_.push_back(i);
      } else {
        Send(i, start_ns);
      }
    }
    while (status_.ok() && !Over()) Step();
    if (!status_.ok()) return status_;
    result_.seconds = absl::ToDoubleSeconds(options_.duration);
    return std::move(result_);
  }

 private:
  absl::Status Connect(size_t index) {
    Connection& connection = connections_[index];
    connection.fd.Reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, options_.socket.c_str(), sizeof(address.sun_path) - 1);
    if (connect(connection.fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      return ErrnoError(options_.socket, "cannot connect", errno);
    }
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = index;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.fd.get(), &event) != 0) {
      return ErrnoError("epoll", "cannot add a connection", errno);
    }
    return absl::OkStatus();
  }

  // A rate's requests are waited for past the end, since the late ones are what matters.
  bool Over() const {
    const int64_t now_ns = NowNs();
    if (options_.rate <= 0) return now_ns >= end_ns_;
    return next_due_ns_ >= end_ns_ && late_.empty() && idle_.size() == connections_.size();
  }

  void Step() {
    const int64_t before_ns = NowNs();
    const int64_t wait_until_ns = std::min(next_due_ns_, before_ns + kStallNs);
    const int64_t wait_ns = std::max<int64_t>(0, wait_until_ns - before_ns);
    const timespec timeout = {wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
    epoll_event events[256];
    const int n = epoll_pwait2(epoll_.get(), events, 256, &timeout, nullptr);
    if (n < 0 && errno != EINTR) status_ = ErrnoError("epoll", "cannot wait", errno);
    if (n == 0 && NowNs() - before_ns >= kStallNs) {
      status_ = absl::DeadlineExceededError("no answer came for 30 s");
    }
    for (int i = 0; i < n && status_.ok(); ++i) Receive(events[i].data.u64);
    SendDue();
  }

  void SendDue() {
    const int64_t now_ns = NowNs();
    while (next_due_ns_ <= now_ns && next_due_ns_ < end_ns_) {
      late_.push_back(next_due_ns_);
      next_due_ns_ += static_cast<int64_t>(1e9 / options_.rate);
    }
    if (next_due_ns_ >= end_ns_) next_due_ns_ = kForever;
    while (!late_.empty() && !idle_.empty()) {
      const size_t index = idle_.front();
      idle_.pop_front();
      Send(index, late_.front());
      late_.pop_front();
    }
  }

  void Send(size_t index, int64_t begun_ns) {
    Connection& connection = connections_[index];
    connection.begun_ns = begun_ns;
    const std::string& text = options_.request(sent_++);
    const ssize_t n = send(connection.fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(text.size())) {
      status_ = ErrnoError(options_.socket, "cannot send", errno);
    }
  }

  void Receive(size_t index) {
    Connection& connection = connections_[index];
    char bytes[16 * 1024];
    const ssize_t n = recv(connection.fd.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n <= 0) {
      status_ = absl::UnavailableError("the gateway closed a connection");
      return;
    }
    absl::string_view text(bytes, n);
    if (!connection.received.empty()) {
      connection.received.append(bytes, n);
      text = connection.received;
    }
    int status = 0;
    const size_t length = AnswerLength(text, &status);
    if (length == 0 || text.size() < length) {
      if (connection.received.empty()) connection.received.assign(bytes, n);
      return;
    }
    if (status != 200) {
      status_ = absl::InternalError(absl::StrCat("an answer is not 200: ", text));
      return;
    }
    connection.received.clear();
    Answered(index);
  }

  void Answered(size_t index) {
    const int64_t now_ns = NowNs();
    const int64_t begun_ns = connections_[index].begun_ns;
    if (begun_ns >= count_from_ns_ && (options_.rate > 0 || now_ns < end_ns_)) {
      result_.latencies_ns.push_back(now_ns - begun_ns);
    }
    if (options_.rate > 0) {
      idle_.push_back(index);
    } else {
      Send(index, now_ns);
    }
  }

  const HttpLoadOptions& options_;
  UniqueFd epoll_;
  std::vector<Connection> connections_;
  std::deque<size_t> idle_;
  // When requests should have begun that found no connection free.
  std::deque<int64_t> late_;
  int64_t sent_ = 0;
  int64_t count_from_ns_ = 0;
  int64_t end_ns_ = 0;
  int64_t next_due_ns_ = kForever;
  absl::Status status_;
  LoadResult result_;
};

}  // namespace

absl::StatusOr<LoadResult> RunHttpLoad(const HttpLoadOptions& options) {
  return HttpLoad(options).Run();
}

}  // namespace cronium::bench
