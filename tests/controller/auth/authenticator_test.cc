// SPDX-License-Identifier: Apache-2.0
#include "controller/auth/authenticator.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "common/error.h"
#include "common/proto_time.h"
#include "controller/auth/secrets.h"
#include "controller/core/spec.h"
#include "controller/store/sqlite/sqlite_store.h"

namespace cronium::controller {
namespace {

constexpr char kCreateJob[] = "/cronium.v1.JobService/CreateJob";
constexpr char kGetJob[] = "/cronium.v1.JobService/GetJob";
constexpr char kSession[] = "/cronium.v1.AgentService/Session";
constexpr char kGetInput[] = "/cronium.v1.RuntimeService/GetInput";

class AuthenticatorTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/cronium-auth-XXXXXX";
    folder_ = mkdtemp(pattern);
    auto store = SqliteStore::Open({folder_ + "/db"});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    AddToken("admin-secret", v1::ROLE_ADMIN, "");
    AddToken("viewer-secret", v1::ROLE_VIEWER, "team-a");
    auto key = TokenSigner::GenerateKeyPem();
    ASSERT_TRUE(key.ok());
    tokens_ = *ExecutionTokens::Create(*key);
    auto access = AccessTable::Build(
        {"cronium.v1.JobService", "cronium.v1.AgentService", "cronium.v1.RuntimeService"});
    ASSERT_TRUE(access.ok());
    authenticator_ = std::make_unique<Authenticator>(*access, "c1", /*dev=*/false, store_.get(),
                                                     tokens_.get(), &live_);
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void AddToken(const std::string& secret, v1::Role role, const std::string& name_space) {
    const Change change =
        PutApiToken{{HashSecret(secret), secret + "-name", role, name_space, absl::Now()}};
    ASSERT_TRUE(store_->Commit({&change, 1}).ok());
  }

  // A live execution on node n1, and its token.
  std::string StartExecution(const std::string& id) {
    ExecutionChange change;
    change.execution.set_id(id);
    change.execution.set_namespace_("team-a");
    change.execution.set_node("n1");
    change.execution.set_state(v1::EXECUTION_STATE_RUNNING);
    auto spec = std::make_shared<v1::JobSpec>();
    FillSpecDefaults(spec.get());
    change.spec = spec;
    live_.Update(change);
    v1::Assignment assignment;
    assignment.set_execution_id(id);
    *assignment.mutable_spec() = *spec;
    SetTime(now_, assignment.mutable_assign_time());
    return *tokens_->Issue(assignment);
  }
  void EndExecution(const std::string& id) {
    ExecutionChange change;
    change.execution.set_id(id);
    change.execution.set_state(v1::EXECUTION_STATE_SUCCEEDED);
    live_.Update(change);
  }

  static Credentials Bearer(const std::string& secret) {
    Credentials credentials;
    credentials.authorization = "Bearer " + secret;
    return credentials;
  }
  static Credentials Node(const std::string& node, const std::string& cluster = "c1") {
    Credentials credentials;
    credentials.peer = PeerIdentity{cluster, "node", node};
    return credentials;
  }

  std::string ReasonFor(const char* method, const Credentials& credentials) {
    return ErrorReason(authenticator_->Authenticate(method, credentials, now_).status());
  }

  std::string folder_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<ExecutionTokens> tokens_;
  LiveExecutions live_;
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(AuthenticatorTest, LetsNobodyInWithoutAToken) {
  EXPECT_EQ(ReasonFor(kCreateJob, {}), "TOKEN_MISSING");
  EXPECT_EQ(ReasonFor(kCreateJob, Bearer("guess")), "TOKEN_INVALID");
  Credentials basic;
  basic.authorization = "Basic YTpi";
  EXPECT_EQ(ReasonFor(kCreateJob, basic), "TOKEN_INVALID");
}

TEST_F(AuthenticatorTest, LetsAnAdminDoEverythingThatIsForTokens) {
  const auto caller = authenticator_->Authenticate(kCreateJob, Bearer("admin-secret"), now_);
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ(caller->name, "admin-secret-name");
  EXPECT_TRUE(caller->MayUse("any").ok());
}

TEST_F(AuthenticatorTest, HoldsATokenToItsRoleAndNamespace) {
  EXPECT_EQ(ReasonFor(kCreateJob, Bearer("viewer-secret")), "ROLE_REQUIRED");
  const auto caller = authenticator_->Authenticate(kGetJob, Bearer("viewer-secret"), now_);
  ASSERT_TRUE(caller.ok());
  EXPECT_TRUE(caller->MayUse("team-a").ok());
  EXPECT_EQ(ErrorReason(caller->MayUse("team-b")), "WRONG_NAMESPACE");
}

TEST_F(AuthenticatorTest, LetsOnlyNodesOfThisClusterOpenASession) {
  EXPECT_EQ(ReasonFor(kSession, {}), "NODE_CERTIFICATE_REQUIRED");
  EXPECT_EQ(ReasonFor(kSession, Bearer("admin-secret")), "NODE_CERTIFICATE_REQUIRED");
  EXPECT_EQ(ReasonFor(kSession, Node("n1", "other")), "NODE_CERTIFICATE_REQUIRED");
  Credentials controller;
  controller.peer = PeerIdentity{"c1", "controller", ""};
  EXPECT_EQ(ReasonFor(kSession, controller), "NODE_CERTIFICATE_REQUIRED");
  const auto caller = authenticator_->Authenticate(kSession, Node("n1"), now_);
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller->node, "n1");
}

TEST_F(AuthenticatorTest, DoesNotTakeANodesWordOutsideOfDev) {
  Credentials credentials;
  credentials.dev_node = "n1";
  EXPECT_EQ(ReasonFor(kSession, credentials), "NODE_CERTIFICATE_REQUIRED");
}

TEST_F(AuthenticatorTest, AsksAnExecutionForBothItsProofs) {
  const std::string token = StartExecution("exec_000000000001");
  Credentials credentials = Node("n1");
  EXPECT_EQ(ReasonFor(kGetInput, credentials), "TOKEN_MISSING");
  credentials.execution_token = token;
  const auto caller = authenticator_->Authenticate(kGetInput, credentials, now_);
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ(caller->name_space, "team-a");
  EXPECT_EQ(caller->execution->execution.id(), "exec_000000000001");

  credentials.peer.reset();
  EXPECT_EQ(ReasonFor(kGetInput, credentials), "NODE_CERTIFICATE_REQUIRED");
  Credentials elsewhere = Node("n2");
  elsewhere.execution_token = token;
  EXPECT_EQ(ReasonFor(kGetInput, elsewhere), "WRONG_NODE");
}

TEST_F(AuthenticatorTest, RefusesATokenFromTheMomentItsExecutionEnded) {
  Credentials credentials = Node("n1");
  credentials.execution_token = StartExecution("exec_000000000001");
  ASSERT_TRUE(authenticator_->Authenticate(kGetInput, credentials, now_).ok());
  EndExecution("exec_000000000001");
  EXPECT_EQ(ReasonFor(kGetInput, credentials), "EXECUTION_ENDED");
}

TEST_F(AuthenticatorTest, RefusesATokenAfterItsTimeThoughItsSignatureWasSeenBefore) {
  Credentials credentials = Node("n1");
  credentials.execution_token = StartExecution("exec_000000000001");
  ASSERT_TRUE(authenticator_->Authenticate(kGetInput, credentials, now_).ok());
  now_ += absl::Hours(2);
  EXPECT_EQ(ReasonFor(kGetInput, credentials), "TOKEN_EXPIRED");
}

}  // namespace
}  // namespace cronium::controller
