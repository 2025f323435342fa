// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/mutex.h"
#include "cronium/v1/runtime_service.grpc.pb.h"
#include "tests/common/rpc/slow_forwarder.h"

namespace cronium {
namespace {

using ::testing::HasSubstr;

// Answers with who the caller is.
class WhoAmI : public v1::RuntimeService::Service {
 public:
  grpc::Status GetContext(grpc::ServerContext* context, const v1::GetContextRequest*,
                          v1::GetContextResponse* response) override {
    const std::optional<PeerIdentity> peer = PeerOf(*context->auth_context());
    response->set_event_name(peer.has_value()
                                 ? absl::StrCat(peer->cluster, " ", peer->kind, " ", peer->node)
                                 : "nobody");
    return grpc::Status::OK;
  }
};

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() {
    std::string pattern = testing::TempDir() + "credentials-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~CredentialsTest() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    std::filesystem::remove_all(folder_);
  }

  static KeyAndCertificate NewCa() {
    return MakeCa("main", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24)).value();
  }

  static KeyAndCertificate Issue(const KeyAndCertificate& ca, const std::string& uri,
                                 absl::Time not_after = absl::Now() + absl::Hours(1)) {
    return IssueCertificate(
               ca, {uri, {"localhost", "127.0.0.1"}, absl::Now() - absl::Hours(2), not_after})
        .value();
  }

  // Writes what is given into files; what is empty gets no file.
  TlsFiles Files(const std::string& name, const std::string& ca_pem,
                 const KeyAndCertificate& pair) {
    TlsFiles files;
    const auto put = [&](const std::string& suffix, const std::string& pem, std::string* path) {
      if (pem.empty()) return;
      *path = absl::StrCat(folder_, "/", name, ".", suffix);
      ASSERT_TRUE(WriteFileAtomic(*path, pem, 0600).ok());
    };
    put("ca", ca_pem, &files.ca);
    put("crt", pair.certificate_pem, &files.certificate);
    put("key", pair.key_pem, &files.key);
    return files;
  }

  void StartServer(std::shared_ptr<grpc::ServerCredentials> credentials) {
    grpc::ServerBuilder builder;
    int port = 0;
    ApplyServerArguments(&builder, 1 << 20);
    builder.AddListeningPort("127.0.0.1:0", std::move(credentials), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    address_ = absl::StrCat("127.0.0.1:", port);
  }

  void StartTlsServer() {
    StartServer(
        ServerTls(Files("server", ca_.certificate_pem, Issue(ca_, ControllerUri("main")))).value());
  }

  // Who the server says we are, or the failure.
  std::string Ask(std::shared_ptr<grpc::ChannelCredentials> credentials) {
    auto stub = v1::RuntimeService::NewStub(grpc::CreateCustomChannel(
        address_, credentials, ClientChannelArguments(/*own_connection=*/true)));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::GetContextResponse response;
    const grpc::Status status = stub->GetContext(&context, {}, &response);
    return status.ok() ? response.event_name()
                       : absl::StrCat("failed ", static_cast<int>(status.error_code()));
  }

  std::string AskTls(const std::string& ca_pem, const KeyAndCertificate& pair) {
    return Ask(ClientTls(Files("client", ca_pem, pair)).value());
  }

  const KeyAndCertificate ca_ = NewCa();
  const std::string unavailable_ = absl::StrCat("failed ", grpc::StatusCode::UNAVAILABLE);
  std::string folder_;
  WhoAmI service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(CredentialsTest, ANodesIdentityComesThroughTheHandshake) {
  StartTlsServer();
  EXPECT_EQ(AskTls(ca_.certificate_pem, Issue(ca_, NodeUri("main", "web-1"))), "main node web-1");
}

// Far away or busy, a controller needs more than the first pause between two tries for a handshake.
TEST_F(CredentialsTest, AHandshakeMayTakeItsTime) {
  StartTlsServer();
  SlowForwarder forwarder(address_, std::chrono::milliseconds(300));
  address_ = forwarder.address();

  EXPECT_EQ(AskTls(ca_.certificate_pem, Issue(ca_, NodeUri("main", "web-1"))), "main node web-1");
}

TEST_F(CredentialsTest, TheControllersIdentityComesThroughToo) {
  StartTlsServer();
  EXPECT_EQ(AskTls(ca_.certificate_pem, Issue(ca_, ControllerUri("main"))), "main controller ");
}

TEST_F(CredentialsTest, AClientWithoutACertificateGetsInAsNobody) {
  StartTlsServer();
  EXPECT_EQ(AskTls(ca_.certificate_pem, {}), "nobody");
}

TEST_F(CredentialsTest, ACertificateOfAForeignCaIsRefused) {
  StartTlsServer();
  EXPECT_EQ(AskTls(ca_.certificate_pem, Issue(NewCa(), NodeUri("main", "web-1"))), unavailable_);
}

TEST_F(CredentialsTest, ASelfSignedCertificateIsRefused) {
  StartTlsServer();
  EXPECT_EQ(AskTls(ca_.certificate_pem, NewCa()), unavailable_);
}

TEST_F(CredentialsTest, AnExpiredCertificateIsRefused) {
  StartTlsServer();
  EXPECT_EQ(AskTls(ca_.certificate_pem,
                   Issue(ca_, NodeUri("main", "web-1"), absl::Now() - absl::Hours(1))),
            unavailable_);
}

TEST_F(CredentialsTest, AClientRefusesAServerOfAForeignCa) {
  StartTlsServer();
  EXPECT_EQ(AskTls(NewCa().certificate_pem, {}), unavailable_);
}

TEST_F(CredentialsTest, AClientRefusesAServerWhoseCertificateIsForAnotherHost) {
  const KeyAndCertificate elsewhere = IssueCertificate(ca_, {ControllerUri("main"),
                                                             {"elsewhere.example.com", "10.0.0.1"},
                                                             absl::Now() - absl::Hours(1),
                                                             absl::Now() + absl::Hours(1)})
                                          .value();
  StartServer(ServerTls(Files("server", ca_.certificate_pem, elsewhere)).value());
  EXPECT_EQ(AskTls(ca_.certificate_pem, {}), unavailable_);
}

TEST_F(CredentialsTest, ClearTextDoesNotReachATlsServer) {
  StartTlsServer();
  EXPECT_EQ(Ask(DevChannelCredentials()), unavailable_);
}

TEST_F(CredentialsTest, ClearTextCarriesNoIdentity) {
  StartServer(DevServerCredentials());
  EXPECT_EQ(Ask(DevChannelCredentials()), "nobody");
}

TEST_F(CredentialsTest, TheCaIsNoIdentityThoughItsOwnCertificateIsTrusted) {
  StartTlsServer();
  EXPECT_THAT(AskTls(ca_.certificate_pem, ca_), testing::AnyOf("nobody", unavailable_));
}

TEST_F(CredentialsTest, AMissingFileIsNamed) {
  TlsFiles files = Files("server", ca_.certificate_pem, Issue(ca_, ControllerUri("main")));
  files.key = folder_ + "/none.key";
  EXPECT_THAT(ServerTls(files).status().message(), HasSubstr("/none.key"));
  EXPECT_THAT(ClientTls(files).status().message(), HasSubstr("/none.key"));
}

TEST_F(CredentialsTest, TwoServersDoNotShareAPort) {
  StartServer(DevServerCredentials());
  grpc::ServerBuilder builder;
  ApplyServerArguments(&builder, 1 << 20);
  int port = -1;
  builder.AddListeningPort(address_, DevServerCredentials(), &port);
  WhoAmI other;
  builder.RegisterService(&other);
  EXPECT_EQ(builder.BuildAndStart(), nullptr);
}

TEST(LoopbackAddressTest, OnlyAddressesOfThisHostAreLoopback) {
  for (const char* address : {"127.0.0.1:7400", "127.8.9.10:1", "localhost:7400", "[::1]:7400"}) {
    EXPECT_TRUE(IsLoopbackAddress(address)) << address;
  }
  for (const char* address :
       {"0.0.0.0:7400", "10.0.0.1:7400", "[::]:7400", "example.com:7400", "localhost.example.com:1",
        "127.example.com:1", "127.0.0.1.example.com:1", "unix:/run/x", ""}) {
    EXPECT_FALSE(IsLoopbackAddress(address)) << address;
  }
}

}  // namespace
}  // namespace cronium
