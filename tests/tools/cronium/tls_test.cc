// SPDX-License-Identifier: Apache-2.0
// The client over TLS, and what it says where that fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/pki/pki.h"
#include "common/rpc/credentials.h"
#include "tests/common/rpc/slow_forwarder.h"
#include "tests/tools/cronium/fake_controller.h"
#include "tests/tools/cronium/fake_process.h"

namespace cronium::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    folder_ = testing::TempDir() + "cronium-tls-" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    const auto ca = MakeCa("test", start_, end_);
    const auto server = IssueCertificate(*ca, {.uri = ControllerUri("test"),
                                               .hosts = {"localhost", "127.0.0.1"},
                                               .not_before = start_,
                                               .not_after = end_});
    Write("ca.crt", ca->certificate_pem);
    Write("server.crt", server->certificate_pem);
    Write("server.key", server->key_pem);
    Write("foreign.crt", MakeCa("other", start_, end_)->certificate_pem);
    Write("token", "cronium_secret\n");
  }
  ~TlsTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::shared_ptr<grpc::ServerCredentials> Credentials() {
    return *ServerTls({.ca = folder_ + "/ca.crt",
                       .certificate = folder_ + "/server.crt",
                       .key = folder_ + "/server.key"});
  }
  int ListNodes(const FakeController& controller, const std::string& ca) {
    return process_.Run({"--controller", controller.address(), "--ca", folder_ + "/" + ca,
                         "--token-file", folder_ + "/token", "nodes", "list"});
  }

  const absl::Time start_ = absl::Now() - absl::Hours(1);
  const absl::Time end_ = absl::Now() + absl::Hours(1);
  std::string folder_;
  FakeProcess process_;
};

TEST_F(TlsTest, AControllerOfTheClustersCaIsTrusted) {
  const FakeController controller(Credentials());
  EXPECT_EQ(ListNodes(controller, "ca.crt"), 0) << process_.streams.err();
  EXPECT_EQ(controller.metadata("authorization"), "Bearer cronium_secret");
}

TEST_F(TlsTest, AControllerOfAnotherCaIsNotAndIsNotTriedAgain) {
  const FakeController controller(Credentials());
  EXPECT_EQ(ListNodes(controller, "foreign.crt"), 125);
  EXPECT_THAT(process_.streams.err(), HasSubstr("not signed by the CA in"));
  EXPECT_THAT(process_.streams.err(), Not(HasSubstr("trying again")));
}

// A handshake of many round trips gets on only while somebody waits for it.
TEST_F(TlsTest, AFarControllerThatComesBackIsFoundAgain) {
  FakeController controller(Credentials());
  const SlowForwarder way(controller.address(), std::chrono::milliseconds(100));
  controller.Stop();
  process_.Start({"--controller", way.address(), "--ca", folder_ + "/ca.crt", "--token-file",
                  folder_ + "/token", "--retry-for", "1h", "nodes", "list"});
  process_.streams.WaitFor("trying again");

  controller.Start();

  EXPECT_EQ(process_.Wait(), 0) << process_.streams.err();
}

TEST_F(TlsTest, AControllerInClearTextIsRecognised) {
  const FakeController controller;
  EXPECT_EQ(ListNodes(controller, "ca.crt"), 125);
  EXPECT_THAT(process_.streams.err(), HasSubstr("does not speak TLS"));
}

TEST_F(TlsTest, AMissingCaIsNamed) {
  const FakeController controller(Credentials());
  EXPECT_EQ(ListNodes(controller, "none.crt"), 125);
  EXPECT_THAT(process_.streams.err(), HasSubstr("none.crt: cannot open: No such file"));
  EXPECT_THAT(process_.streams.err(), HasSubstr("--ca"));
}

}  // namespace
}  // namespace cronium::cli
