// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "job_run.h"

namespace cronium::agent::init {
namespace {

std::string ReadToEnd(int fd) {
  std::string result;
  char buffer[65536];
  ssize_t length = 0;
  while ((length = recv(fd, buffer, sizeof(buffer), 0)) > 0) result.append(buffer, length);
  return result;
}

bool SendAll(int fd, const std::string& text) {
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t length = send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (length <= 0) return false;
    sent += length;
  }
  return true;
}

// Stands in for the gateway: serves one connection at a time with `serve`, on a unix socket.
class Gateway {
 public:
  Gateway(const std::string& path, std::function<void(int)> serve) {
    unlink(path.c_str());
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 512), 0);
    thread_ = std::thread([this, serve = std::move(serve)] {
      while (true) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        serve(fd);
        close(fd);
      }
    });
  }
  ~Gateway() {
    Stop();
    close(listener_);
  }

  // Waits for the connection being served to end, and takes no more.
  void Stop() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }

 private:
  int listener_ = -1;
  std::thread thread_;
};

// Reads all, then answers with it: only works when the client's end of sending is passed on, and
// the way back stays open.
void Echo(int fd) { SendAll(fd, "echo " + ReadToEnd(fd)); }

class InitRelay : public testing::Test {
 protected:
  void SetUp() override {
    job_.WriteScript("#!/bin/sh\nread x <$GO\n");
    job_.Start({"--relay", "127.0.0.1:0", "--api-socket", socket()});
    const std::string line = job_.status().ReadLine();
    ASSERT_EQ(line.substr(0, 16), "relay 127.0.0.1:");
    port_ = std::stoi(line.substr(16));
  }
  void TearDown() override {
    job_.Go();
    EXPECT_EQ(job_.Wait(), 0);
  }

  std::string socket() const { return job_.Path("api.sock"); }

  int Connect() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }

  std::string Ask(const std::string& request) const {
    const int fd = Connect();
    EXPECT_TRUE(SendAll(fd, request));
    shutdown(fd, SHUT_WR);
    std::string answer = ReadToEnd(fd);
    close(fd);
    return answer;
  }

  JobRun job_;
  uint16_t port_ = 0;
};

TEST_F(InitRelay, CarriesARequestAndItsAnswerPastTheClientsEndOfSending) {
  Gateway gateway(socket(), Echo);
  EXPECT_EQ(Ask("hello"), "echo hello");
  EXPECT_EQ(Ask(""), "echo ");
}

TEST_F(InitRelay, PassesOnTheGatewaysEndWhileTheClientMaySendOn) {
  std::string rest;
  Gateway gateway(socket(), [&rest](int fd) {
    SendAll(fd, "answer");
    shutdown(fd, SHUT_WR);
    rest = ReadToEnd(fd);
  });
  const int fd = Connect();
  EXPECT_EQ(ReadToEnd(fd), "answer");
  EXPECT_TRUE(SendAll(fd, "more"));
  shutdown(fd, SHUT_WR);
  gateway.Stop();
  EXPECT_EQ(rest, "more");
  close(fd);
}

TEST_F(InitRelay, CarriesMegabytesBothWaysAtOnce) {
  // Sends while it receives: neither side may wait for the other's end.
  Gateway gateway(socket(), [](int fd) {
    char buffer[4096];
    ssize_t length = 0;
    while ((length = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
      if (!SendAll(fd, std::string(buffer, length))) return;
    }
  });
  std::string sent(8 << 20, '\0');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 2654435761u >> 13);
  const int fd = Connect();
  std::thread sender([&] {
    SendAll(fd, sent);
    shutdown(fd, SHUT_WR);
  });
  EXPECT_TRUE(ReadToEnd(fd) == sent);
  sender.join();
  close(fd);
}

TEST_F(InitRelay, SurvivesARestartOfTheGateway) {
  {
    Gateway gateway(socket(), Echo);
    EXPECT_EQ(Ask("before"), "echo before");
  }
  Gateway gateway(socket(), Echo);
  EXPECT_EQ(Ask("after"), "echo after");
}

TEST_F(InitRelay, KeepsAClientWaitingForAGatewayThatIsRestarting) {
  const int fd = Connect();
  EXPECT_TRUE(SendAll(fd, "early"));
  shutdown(fd, SHUT_WR);
  Gateway gateway(socket(), Echo);
  EXPECT_EQ(ReadToEnd(fd), "echo early");
  close(fd);
}

TEST_F(InitRelay, ResetsAClientWhenTheGatewayStaysAway) {
  const int fd = Connect();
  char c = 0;
  EXPECT_EQ(recv(fd, &c, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  close(fd);
}

TEST_F(InitRelay, DeliversAnAnswerThatCameBeforeTheRequestWasRead) {
  Gateway gateway(socket(), [](int fd) {
    char buffer[10];
    recv(fd, buffer, sizeof(buffer), MSG_WAITALL);
    SendAll(fd, "413 too large");  // and closes with the rest unread
  });
  const int fd = Connect();
  const std::string body(4 << 20, 'x');
  std::thread sender([&] {
    SendAll(fd, body);
    shutdown(fd, SHUT_WR);
  });
  EXPECT_EQ(ReadToEnd(fd), "413 too large");
  sender.join();
  close(fd);
}

TEST_F(InitRelay, ServesMoreClientsThanItCarriesAtATime) {
  Gateway gateway(socket(), Echo);
  std::vector<int> clients(300);
  for (int& client : clients) client = Connect();
  for (int i = 0; i < 300; ++i) {
    EXPECT_TRUE(SendAll(clients[i], std::to_string(i)));
    shutdown(clients[i], SHUT_WR);
  }
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(ReadToEnd(clients[i]), "echo " + std::to_string(i));
    close(clients[i]);
  }
}

TEST_F(InitRelay, LetsGoOfTheGatewayWhenTheClientGoes) {
  std::promise<void> ended;
  Gateway gateway(socket(), [&ended](int fd) {
    ReadToEnd(fd);
    ended.set_value();
  });
  close(Connect());
  EXPECT_EQ(ended.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST(InitRelayAddress, InUseIsAWarningAndTheJobRuns) {
  const int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(taken, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(taken, 1), 0);
  getsockname(taken, reinterpret_cast<sockaddr*>(&address), &length);
  JobRun job;
  job.WriteScript("#!/bin/sh\necho ran\n");
  job.Start({"--relay", "127.0.0.1:" + std::to_string(ntohs(address.sin_port))});
  EXPECT_EQ(job.status().ReadLine(),
            "warning relay cannot relay the runtime API: Address already in use");
  EXPECT_EQ(job.out().ReadAll(), "ran\n");
  EXPECT_EQ(job.Wait(), 0);
  close(taken);
}

}  // namespace
}  // namespace cronium::agent::init
