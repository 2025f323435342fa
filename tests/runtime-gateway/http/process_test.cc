// SPDX-License-Identifier: Apache-2.0
// The program itself: its flags, its certificate, its end.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/rpc/credentials.h"
#include "tests/runtime-gateway/http/fake_controller.h"
#include "tests/runtime-gateway/http/raw_client.h"

extern char** environ;

namespace cronium::gateway {
namespace {

using ::testing::HasSubstr;

// A running program whose stderr goes into a file.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, std::string log_path)
      : log_path_(std::move(log_path)) {
    std::vector<std::string> all = {CRONIUM_GATEWAY_BINARY};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& argument : all) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log_path_.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  void Signal(int number) const { kill(pid_, number); }
  // The exit status, or minus the signal that ended it.
  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  bool HasEnded() {
    siginfo_t info = {};
    waitid(P_PID, pid_, &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid != 0;
  }
  std::string Log() const { return ReadFile(log_path_).value_or(""); }

 private:
  const std::string log_path_;
  pid_t pid_ = -1;
};

class ProcessTest : public testing::Test {
 protected:
  static constexpr char kExecution[] = "exec_0aZ9zA0aZ9zA";

  ProcessTest() {
    std::string pattern = testing::TempDir() + "process-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ProcessTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Process> Run(const std::vector<std::string>& arguments) {
    return std::make_unique<Process>(arguments, absl::StrCat(folder_, "/log.", ++runs_));
  }

  // Of a program that ends by itself.
  void ExpectRefused(const std::vector<std::string>& arguments, const std::string& message) {
    const auto process = Run(arguments);
    EXPECT_GT(process->Wait(), 0);
    EXPECT_THAT(process->Log(), HasSubstr(message));
  }

  std::string Socket() const { return folder_ + "/api/runtime.sock"; }
  std::string SocketDir() const { return "--socket-dir=" + folder_ + "/api"; }

  void AwaitSocket(Process* process) const {
    while (access(Socket().c_str(), F_OK) != 0) {
      ASSERT_FALSE(process->HasEnded()) << process->Log();
      std::this_thread::yield();
    }
  }

  // Key and certificate as files; the flags that name them.
  std::vector<std::string> TlsFlags(const KeyAndCertificate& ca, const std::string& uri) const {
    const TlsFiles files = Files(ca, uri);
    return {"--ca=" + files.ca, "--certificate=" + files.certificate, "--key=" + files.key};
  }
  TlsFiles Files(const KeyAndCertificate& ca, const std::string& uri) const {
    const KeyAndCertificate issued = IssueCertificate(ca, {uri,
                                                           {"localhost", "127.0.0.1"},
                                                           absl::Now() - absl::Hours(1),
                                                           absl::Now() + absl::Hours(1)})
                                         .value();
    const std::string base = absl::StrCat(folder_, "/", std::hash<std::string>()(issued.key_pem));
    EXPECT_TRUE(WriteFileAtomic(base + ".ca", ca.certificate_pem, 0600).ok());
    EXPECT_TRUE(WriteFileAtomic(base + ".crt", issued.certificate_pem, 0600).ok());
    EXPECT_TRUE(WriteFileAtomic(base + ".key", issued.key_pem, 0600).ok());
    return {base + ".ca", base + ".crt", base + ".key"};
  }
  static KeyAndCertificate NewCa() {
    return MakeCa("main", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24)).value();
  }

  RawReply GetInput(FakeController& controller) const {
    TokenClaims claims;
    claims.execution_id = kExecution;
    claims.not_before = absl::Now() - absl::Minutes(1);
    claims.expires_at = absl::Now() + absl::Hours(1);
    const std::string token = controller.service()->Sign(claims);
    RawConnection connection(Socket());
    EXPECT_TRUE(
        connection.Send(RequestText("GET", absl::StrCat("/executions/", kExecution, "/input"),
                                    {"Authorization: Bearer " + token})));
    return connection.Read();
  }

  std::string folder_;
  int runs_ = 0;
};

TEST_F(ProcessTest, FlagsThatAreMissingOrDoNotFitAreNamed) {
  ExpectRefused({}, "--controller is required");
  ExpectRefused({"--controller=x:1"}, "--ca is required (or --dev)");
  ExpectRefused({"--controller=x:1", "--ca=a"}, "--certificate is required");
  ExpectRefused({"--controller=x:1", "--ca=a", "--certificate=b"}, "--key is required");
  ExpectRefused({"--controller=10.0.0.1:1", "--dev", "--node=n"}, "must be on the loopback");
  ExpectRefused({"--controller=127.0.0.1:1", "--dev"}, "--node is required with --dev");
  ExpectRefused({"--controller=127.0.0.1:1", "--dev", "--node=No"},
                "--node is required with --dev");
  ExpectRefused({"--controller=x:1", "--node=n", "--ca=a", "--certificate=b", "--key=c"},
                "--node is for --dev");
  ExpectRefused({"--controller=127.0.0.1:1", "--dev", "--node=n", "--log-level=loud"},
                "\"loud\" is not debug");
  ExpectRefused({"--controllers=x:1"}, "--controllers");
  ExpectRefused({"--max-connections=0"}, "--max-connections");
}

TEST_F(ProcessTest, AFileThatCannotBeReadIsNamed) {
  ExpectRefused(
      {"--controller=x:1", "--ca=/nonexistent/ca.crt", "--certificate=b", "--key=c", SocketDir()},
      "/nonexistent/ca.crt");
}

TEST_F(ProcessTest, ItListensOnTheLoopbackOnly) {
  ExpectRefused(
      {"--controller=127.0.0.1:1", "--dev", "--node=n", SocketDir(), "--listen=0.0.0.0:0"},
      "not on the loopback");
  EXPECT_FALSE(std::filesystem::exists(Socket()));
}

TEST_F(ProcessTest, ItServesUntilItIsTerminated) {
  FakeController controller;
  const auto process =
      Run({"--controller", controller.address(), "--dev", "--node", "web-7", SocketDir()});
  AwaitSocket(process.get());
  EXPECT_EQ(GetInput(controller).status, 200);
  EXPECT_EQ(controller.service()->last_node(), "web-7");
  process->Signal(SIGTERM);
  EXPECT_EQ(process->Wait(), 0) << process->Log();
  EXPECT_FALSE(std::filesystem::exists(Socket()));
}

TEST_F(ProcessTest, ItsCertificateSaysWhichNodeItIs) {
  const KeyAndCertificate ca = NewCa();
  FakeController controller(ServerTls(Files(ca, ControllerUri("main"))).value());
  std::vector<std::string> flags = TlsFlags(ca, NodeUri("main", "web-1"));
  flags.insert(flags.end(), {"--controller=" + controller.address(), SocketDir()});
  const auto process = Run(flags);
  AwaitSocket(process.get());
  EXPECT_EQ(GetInput(controller).status, 200) << process->Log();
  EXPECT_EQ(controller.service()->last_node(), "web-1");
  process->Signal(SIGTERM);
  EXPECT_EQ(process->Wait(), 0);
}

TEST_F(ProcessTest, AControllerOfAForeignCaIsNotTalkedTo) {
  FakeController controller(ServerTls(Files(NewCa(), ControllerUri("main"))).value());
  std::vector<std::string> flags = TlsFlags(NewCa(), NodeUri("main", "web-1"));
  flags.insert(flags.end(),
               {"--controller=" + controller.address(), SocketDir(), "--retry-for-ms=500"});
  const auto process = Run(flags);
  AwaitSocket(process.get());
  EXPECT_EQ(GetInput(controller).status, 503);
  EXPECT_EQ(controller.service()->key_fetches(), 0);
  EXPECT_THAT(process->Log(), HasSubstr("TLS handshake failed"));
}

TEST_F(ProcessTest, AKilledGatewayIsReplacedAndALivingOneIsNot) {
  FakeController controller;
  const std::vector<std::string> flags = {"--controller", controller.address(), "--dev", "--node",
                                          "web-7",        SocketDir()};
  const auto first = Run(flags);
  AwaitSocket(first.get());
  ExpectRefused(flags, "another runtime gateway serves this folder");
  EXPECT_EQ(GetInput(controller).status, 200);
  first->Signal(SIGKILL);
  EXPECT_EQ(first->Wait(), -SIGKILL);
  ASSERT_TRUE(std::filesystem::exists(Socket()));
  const auto second = Run(flags);
  // The stale socket is there from the start: it is replaced once the second says that it listens.
  while (!absl::StrContains(second->Log(), "started")) {
    ASSERT_FALSE(second->HasEnded()) << second->Log();
    std::this_thread::yield();
  }
  EXPECT_EQ(GetInput(controller).status, 200);
}

}  // namespace
}  // namespace cronium::gateway
