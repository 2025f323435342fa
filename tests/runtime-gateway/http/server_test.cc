// SPDX-License-Identifier: Apache-2.0
// The HTTP server alone, with a handler whose answers come from threads of its own: what
// ThreadSanitizer sees through, since no gRPC is in the way.
#include "runtime-gateway/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/mailbox.h"
#include "tests/runtime-gateway/http/raw_client.h"

namespace cronium::gateway {
namespace {

// Runs what it is given on another thread.
class Worker {
 public:
  Worker() : thread_([this] { Work(); }) {}
  ~Worker() {
    tasks_.Close();
    thread_.join();
  }
  void Post(std::function<void()> task) { EXPECT_TRUE(tasks_.Send(std::move(task))); }

 private:
  void Work() {
    for (auto tasks = tasks_.Receive(); !tasks.empty(); tasks = tasks_.Receive()) {
      for (const auto& task : tasks) task();
    }
  }

  Mailbox<std::function<void()>> tasks_{10'000};
  std::thread thread_;
};

// Answers with the body it was sent. /at-once decides and answers on the connection's thread,
// /later does both on others.
class EchoHandler : public Handler {
 public:
  void Admit(RequestHead head, std::function<void(Admission)> done) override {
    const bool later = head.path == "/later";
    const auto decide = [this, later, refuse = head.path == "/no", done = std::move(done)] {
      Admission admission;
      admission.route = "echo";
      if (refuse) {
        admission.outcome = Response{404, "text/plain", {}, "no"};
      } else {
        admission.outcome = std::make_unique<Echo>(later ? &workers_[1] : nullptr);
      }
      done(std::move(admission));
    };
    if (later) {
      workers_[0].Post(decide);
    } else {
      decide();
    }
  }

 private:
  class Echo : public Operation {
   public:
    explicit Echo(Worker* worker) : worker_(worker) {}
    size_t max_body_bytes() const override { return 1 << 20; }
    void Run(std::string body, Reply reply) override {
      const auto answer = [body = std::move(body), reply = std::move(reply)] {
        reply(Response{200, "text/plain", {}, body});
      };
      if (worker_ == nullptr) {
        answer();
      } else {
        worker_->Post(answer);
      }
    }

   private:
    Worker* const worker_;
  };

  Worker workers_[2];
};

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    std::string pattern = testing::TempDir() + "server-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    std::vector<Listener> listeners;
    listeners.push_back(Listener::OnUnixSocket(folder_).value());
    listeners.push_back(Listener::OnLoopback("127.0.0.1:0").value());
    for (const Listener& listener : listeners) addresses_.push_back(listener.address());
    server_ = HttpServer::Start({}, std::move(listeners), &handler_, &metrics_, &clock_).value();
  }
  ~ServerTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string folder_;
  std::vector<std::string> addresses_;
  EchoHandler handler_;
  Metrics metrics_;
  RealClock clock_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(ServerTest, AnswersFromOtherThreadsReachTheirOwnRequests) {
  std::atomic<int> good{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      RawConnection connection(addresses_[c % 2]);
      for (int i = 0; i < 100; ++i) {
        const std::string body = absl::StrCat(c, "/", i, std::string(i * 50, 'x'));
        const char* path = i % 3 == 0 ? "/at-once" : "/later";
        if (!connection.Send(RequestText("POST", path, {}, body))) return;
        if (connection.Read().body == body) ++good;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 800);
}

TEST_F(ServerTest, ARefusalKeepsTheConnectionUnlessABodyWouldFollow) {
  RawConnection connection(addresses_[0]);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(connection.Send(RequestText("GET", "/no", {})));
    EXPECT_EQ(connection.Read().status, 404);
  }
  ASSERT_TRUE(connection.Send(RequestText("POST", "/no", {"Content-Length: 5"})));
  EXPECT_EQ(connection.Read().status, 404);
  EXPECT_TRUE(connection.ReadsEnd());
}

TEST_F(ServerTest, ItStopsUnderLoad) {
  std::vector<std::thread> clients;
  for (int c = 0; c < 6; ++c) {
    clients.emplace_back([&, c] {
      RawConnection connection(addresses_[c % 2]);
      RawReply reply;
      do {
        if (!connection.Send(RequestText("POST", "/later", {}, "body"))) return;
        reply = connection.Read();
        if (reply.status == 0) return;
        EXPECT_EQ(reply.body, "body");
      } while (!reply.headers.contains("connection"));
      EXPECT_TRUE(connection.ReadsEnd());
    });
  }
  while (metrics_.connections() < 6) std::this_thread::yield();
  server_->StopAccepting();
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(server_->WaitUntilIdle(absl::Minutes(1)));
  server_->Stop();
  EXPECT_EQ(metrics_.connections(), 0);
}

}  // namespace
}  // namespace cronium::gateway
