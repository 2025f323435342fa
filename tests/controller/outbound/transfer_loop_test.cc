// SPDX-License-Identifier: Apache-2.0
#include "controller/outbound/transfer_loop.h"

#include <curl/curl.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "controller/outbound/transfer_error.h"
#include "tests/controller/outbound/http_peer.h"

namespace cronium::controller {
namespace {

// A transfer made by hand: one round for each element of `resolve`, which is what the name
// rebind.test resolves to in that round.
class NamedTransfer : public Transfer {
 public:
  NamedTransfer(std::string url, std::vector<std::string> resolve,
                std::promise<std::vector<absl::Status>>* done)
      : url_(std::move(url)), resolve_(std::move(resolve)), done_(done) {}
  ~NamedTransfer() override { curl_slist_free_all(list_); }

  absl::Status SetUp(void* curl) override {
    curl_slist_free_all(list_);
    list_ = curl_slist_append(nullptr, resolve_[ends_.size()].c_str());
    curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(curl, CURLOPT_RESOLVE, list_);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &NamedTransfer::Ignore);
    return absl::OkStatus();
  }
  bool Finish(const TransferEnd& end) override {
    ends_.push_back(end.status);
    if (ends_.size() < resolve_.size()) return true;
    done_->set_value(ends_);
    return false;
  }
  std::string Target() const override { return "rebind.test"; }

 private:
  static size_t Ignore(char*, size_t, size_t size, void*) { return size; }

  const std::string url_;
  const std::vector<std::string> resolve_;
  std::promise<std::vector<absl::Status>>* const done_;
  curl_slist* list_ = nullptr;
  std::vector<absl::Status> ends_;
};

TransferLoopOptions LoopAllowing(const char* allow) {
  TransferLoopOptions options;
  options.rule = AddressRule(ParseCidrs(allow).value(), {});
  return options;
}

TEST(TransferLoop, ChecksWhatANameResolvesToEachTimeItConnects) {
  TransferLoop loop(LoopAllowing("127.0.0.1"));
  HttpPeer good([](const PeerRequest&) { return HttpPeer::Answer(200, ""); });
  const std::string host = absl::StrCat("rebind.test:", good.port(), ":");
  std::promise<std::vector<absl::Status>> done;
  loop.Start(std::make_unique<NamedTransfer>(
                 absl::StrCat("http://rebind.test:", good.port(), "/"),
                 std::vector<std::string>{host + "127.0.0.1", host + "127.0.0.2", host + "[::1]",
                                          host + "169.254.169.254", host + "127.0.0.1"},
                 &done),
             {});
  const std::vector<absl::Status> ends = done.get_future().get();
  ASSERT_EQ(ends.size(), 5u);
  EXPECT_TRUE(ends[0].ok()) << ends[0];
  for (int i = 1; i < 4; ++i) EXPECT_EQ(ErrorReason(ends[i]), kOutboundAddressRefused) << ends[i];
  EXPECT_TRUE(ends[4].ok()) << ends[4];
  EXPECT_EQ(good.connections(), 2);
}

TEST(TransferLoop, TakesTheAddressThatIsAllowedWhereANameHasSeveral) {
  TransferLoop loop(LoopAllowing("127.0.0.1"));
  HttpPeer good([](const PeerRequest&) { return HttpPeer::Answer(200, ""); });
  std::promise<std::vector<absl::Status>> done;
  loop.Start(std::make_unique<NamedTransfer>(
                 absl::StrCat("http://rebind.test:", good.port(), "/"),
                 std::vector<std::string>{
                     absl::StrCat("rebind.test:", good.port(), ":[::1],127.0.0.2,127.0.0.1")},
                 &done),
             {});
  const std::vector<absl::Status> ends = done.get_future().get();
  EXPECT_TRUE(ends[0].ok()) << ends[0];
  EXPECT_EQ(good.requests().size(), 1u);
}

TEST(TransferLoop, SpeaksOnlyTheProtocolsAskedFor) {
  TransferLoop loop(LoopAllowing("127.0.0.0/8"));
  HttpPeer peer([](const PeerRequest&) { return HttpPeer::Answer(200, ""); });
  const auto reason = [&](const std::string& url, TransferProtocols protocols) {
    std::promise<std::vector<absl::Status>> done;
    TransferOptions options;
    options.protocols = protocols;
    loop.Start(
        std::make_unique<NamedTransfer>(url, std::vector<std::string>{"a:1:127.0.0.1"}, &done),
        options);
    return ErrorReason(done.get_future().get()[0]);
  };
  EXPECT_EQ(reason("file:///etc/passwd", TransferProtocols::kHttp), kOutboundBadUrl);
  EXPECT_EQ(reason("gopher://127.0.0.1/", TransferProtocols::kHttp), kOutboundBadUrl);
  EXPECT_EQ(reason("smtp://127.0.0.1/", TransferProtocols::kHttp), kOutboundBadUrl);
  EXPECT_EQ(reason(peer.Url("/"), TransferProtocols::kMail), kOutboundBadUrl);
  EXPECT_EQ(peer.connections(), 0);
}

// A transfer whose end is all that is of interest.
class SimpleTransfer : public Transfer {
 public:
  SimpleTransfer(std::string url, std::promise<absl::Status>* done)
      : url_(std::move(url)), done_(done) {}
  absl::Status SetUp(void* curl) override {
    curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
    return absl::OkStatus();
  }
  bool Finish(const TransferEnd& end) override {
    done_->set_value(end.status);
    return false;
  }
  std::string Target() const override { return "peer"; }

 private:
  const std::string url_;
  std::promise<absl::Status>* const done_;
};

TEST(TransferLoop, LimitsWhatRunsAndWhatWaits) {
  TransferLoopOptions options = LoopAllowing("127.0.0.1");
  options.max_transfers = 1;
  options.max_waiting = 1;
  std::promise<void> arrived;
  HttpPeer silent([&](const PeerRequest&) -> std::optional<std::string> {
    arrived.set_value();
    return std::nullopt;
  });
  std::promise<absl::Status> first, second, third;
  TransferLoop loop(std::move(options));
  const TransferLoop::Id running =
      loop.Start(std::make_unique<SimpleTransfer>(silent.Url("/"), &first), {});
  arrived.get_future().wait();
  const TransferLoop::Id waiting =
      loop.Start(std::make_unique<SimpleTransfer>(silent.Url("/"), &second), {});
  loop.Start(std::make_unique<SimpleTransfer>(silent.Url("/"), &third), {});
  const absl::Status full = third.get_future().get();
  EXPECT_EQ(ErrorReason(full), kOutboundQueueFull);
  EXPECT_GT(RetryDelay(full), absl::ZeroDuration());
  loop.Cancel(waiting);
  EXPECT_EQ(second.get_future().get().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(silent.connections(), 1);
  loop.Cancel(running);
  EXPECT_EQ(first.get_future().get().code(), absl::StatusCode::kCancelled);
}

TEST(TransferLoop, CountsTheWaitForATurnTowardsTheTimeout) {
  TransferLoopOptions options = LoopAllowing("127.0.0.1");
  options.max_transfers = 1;
  HttpPeer silent([](const PeerRequest&) -> std::optional<std::string> { return std::nullopt; });
  std::promise<absl::Status> first, second;
  TransferLoop loop(std::move(options));
  loop.Start(std::make_unique<SimpleTransfer>(silent.Url("/"), &first), {});
  TransferOptions soon;
  soon.timeout = absl::Milliseconds(20);
  loop.Start(std::make_unique<SimpleTransfer>(silent.Url("/"), &second), soon);
  EXPECT_EQ(ErrorReason(second.get_future().get()), kOutboundTimeout);
  loop.Stop();
  EXPECT_EQ(first.get_future().get().code(), absl::StatusCode::kCancelled);
}

TEST(TransferLoop, FiresAndCancelsTimers) {
  TransferLoop loop{TransferLoopOptions()};
  std::promise<absl::Status> fired, cancelled;
  loop.After(absl::Milliseconds(1), [&](absl::Status status) { fired.set_value(status); });
  EXPECT_TRUE(fired.get_future().get().ok());
  const TransferLoop::Id id =
      loop.After(absl::Hours(1), [&](absl::Status status) { cancelled.set_value(status); });
  loop.Cancel(id);
  EXPECT_EQ(cancelled.get_future().get().code(), absl::StatusCode::kCancelled);
}

TEST(TransferLoop, EndsEverythingWhenItStopsAndTakesNothingAfterwards) {
  HttpPeer silent([](const PeerRequest&) -> std::optional<std::string> { return std::nullopt; });
  TransferLoop loop(LoopAllowing("127.0.0.1"));
  std::promise<absl::Status> transfer, timer, late;
  loop.Start(std::make_unique<SimpleTransfer>(silent.Url("/"), &transfer), {});
  loop.After(absl::Hours(1), [&](absl::Status status) { timer.set_value(status); });
  loop.Stop();
  EXPECT_EQ(transfer.get_future().get().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(timer.get_future().get().code(), absl::StatusCode::kCancelled);
  loop.Start(std::make_unique<SimpleTransfer>(silent.Url("/"), &late), {});
  EXPECT_EQ(late.get_future().get().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace cronium::controller
