// SPDX-License-Identifier: Apache-2.0
#include "controller/api/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"
#include "controller/actions/credential_rules.h"
#include "controller/store/sqlite/sqlite_store.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest()
      : sealer_({*NewSealingKey()}), store_(*SqliteStore::Open({dir_.path() + "/db"})) {
    services_.clock = &clock_;
    services_.store = store_.get();
    services_.sealer = &sealer_;
    services_.commit = [this](std::vector<Change> changes, const auto& done) {
      done(store_->Commit(changes));
    };
    admin_.name = "admin";
    tenant_.name = "team-b-operator";
    tenant_.name_space = "team-b";
  }

  static v1::CreateCredentialRequest Request(const std::string& name,
                                             const std::vector<std::string>& namespaces) {
    v1::CreateCredentialRequest request;
    request.set_name(name);
    for (const std::string& name_space : namespaces) request.add_namespaces(name_space);
    request.mutable_secret()->mutable_slack()->set_bot_token("xoxb-kept-secret");
    return request;
  }

  // What came of a call that answers through a callback.
  absl::StatusOr<v1::Credential> Create(const Caller& caller,
                                        const v1::CreateCredentialRequest& request) {
    absl::StatusOr<v1::Credential> answer = absl::UnknownError("not answered");
    CreateCredential(services_, caller, request, [&](auto result) { answer = std::move(result); });
    return answer;
  }
  absl::StatusOr<v1::Credential> Update(const Caller& caller,
                                        const v1::UpdateCredentialRequest& request) {
    absl::StatusOr<v1::Credential> answer = absl::UnknownError("not answered");
    ChangeCredential(services_, caller, request, [&](auto result) { answer = std::move(result); });
    return answer;
  }
  absl::Status Remove(const Caller& caller, const std::string& name, const std::string& etag = "") {
    absl::Status answer = absl::UnknownError("not answered");
    RemoveCredential(services_, caller, name, etag, [&](const auto& result) { answer = result; });
    return answer;
  }
  std::vector<std::string> Names(const Caller& caller, const std::string& name_space = "") {
    v1::ListCredentialsRequest request;
    request.set_namespace_(name_space);
    v1::ListCredentialsResponse response;
    EXPECT_TRUE(ListCredentials(services_, caller, request, &response).ok());
    std::vector<std::string> names;
    for (const v1::Credential& credential : response.credentials()) {
      names.push_back(credential.name());
    }
    return names;
  }

  TempDir dir_ = TempDir::InMemory();
  FakeClock clock_;
  Sealer sealer_;
  std::unique_ptr<SqliteStore> store_;
  Services services_ = {};
  Caller admin_;
  Caller tenant_;
};

TEST_F(CredentialsTest, WhatIsCreatedIsShownWithoutItsSecret) {
  const auto made = Create(admin_, Request("slack", {"team-b", "default", "team-b"}));
  ASSERT_TRUE(made.ok()) << made.status();
  const auto seen = ReadCredential(services_, admin_, "slack");
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(seen->SerializeAsString(), made->SerializeAsString());
  EXPECT_EQ(seen->kind(), v1::CREDENTIAL_KIND_SLACK);
  EXPECT_EQ(seen->target(), "slack.com:443");
  EXPECT_EQ(seen->updater(), "admin");
  EXPECT_THAT(seen->namespaces(), ElementsAre("default", "team-b"));
  EXPECT_THAT(seen->DebugString(), Not(HasSubstr("kept-secret")));
  EXPECT_EQ(OpenSecret(sealer_, *store_->GetCredential("slack"))->slack().bot_token(),
            "xoxb-kept-secret");
}

TEST_F(CredentialsTest, EachWrongFieldIsNamed) {
  v1::CreateCredentialRequest request = Request("No Name", {"Bad_Space"});
  request.clear_secret();
  const absl::Status status = Create(admin_, request).status();
  EXPECT_EQ(ErrorReason(status), "INVALID_REQUEST");
  const std::string details = ToProto(status).DebugString();
  for (const char* field : {"\"name\"", "namespaces", "secret"}) {
    EXPECT_THAT(std::string(status.message()) + details, HasSubstr(field));
  }
}

TEST_F(CredentialsTest, GrantingAndRevokingKeepsTheSecret) {
  Create(admin_, Request("slack", {"default"})).IgnoreError();
  v1::UpdateCredentialRequest request;
  request.set_name("slack");
  request.add_namespaces("team-b");
  request.mutable_update_mask()->add_paths("namespaces");
  const auto changed = Update(admin_, request);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_THAT(changed->namespaces(), ElementsAre("team-b"));
  EXPECT_EQ(OpenSecret(sealer_, *store_->GetCredential("slack"))->slack().bot_token(),
            "xoxb-kept-secret");
}

TEST_F(CredentialsTest, ANewSecretIsOfTheSameKindAndKeepsTheGrants) {
  Create(admin_, Request("slack", {"default"})).IgnoreError();
  v1::UpdateCredentialRequest request;
  request.set_name("slack");
  request.mutable_update_mask()->add_paths("secret");
  request.mutable_secret()->mutable_discord()->set_bot_token("other");
  EXPECT_THAT(std::string(Update(admin_, request).status().message()),
              HasSubstr("secret: is of the kind discord, and the credential of the kind slack"));
  request.mutable_secret()->mutable_slack()->set_webhook_url("https://hooks.slack.com/services/x");
  const auto changed = Update(admin_, request);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_THAT(changed->namespaces(), ElementsAre("default"));
  EXPECT_EQ(changed->target(), "hooks.slack.com:443");
}

TEST_F(CredentialsTest, AnUpdateSaysWhatItChangesAndOfWhat) {
  const auto made = Create(admin_, Request("slack", {"default"}));
  v1::UpdateCredentialRequest request;
  request.set_name("slack");
  EXPECT_THAT(std::string(Update(admin_, request).status().message()),
              HasSubstr("update_mask: is required"));
  request.mutable_update_mask()->add_paths("name");
  EXPECT_THAT(std::string(Update(admin_, request).status().message()),
              HasSubstr("cannot be updated"));
  request.mutable_update_mask()->set_paths(0, "namespaces");
  request.set_etag(made->etag() + "0");
  EXPECT_EQ(ErrorReason(Update(admin_, request).status()), "ETAG_MISMATCH");
  request.set_etag(made->etag());
  EXPECT_TRUE(Update(admin_, request).ok());
  EXPECT_EQ(ErrorReason(Remove(admin_, "slack", made->etag())), "ETAG_MISMATCH");
  EXPECT_TRUE(Remove(admin_, "slack").ok());
  EXPECT_EQ(ErrorReason(Remove(admin_, "slack")), "CREDENTIAL_NOT_FOUND");
}

TEST_F(CredentialsTest, ATenantSeesWhatItWasGrantedAndNoOtherTenant) {
  Create(admin_, Request("shared", {"default", "team-b"})).IgnoreError();
  Create(admin_, Request("theirs", {"default"})).IgnoreError();
  EXPECT_THAT(Names(tenant_), ElementsAre("shared"));
  EXPECT_THAT(Names(admin_, "default"), ElementsAre("shared", "theirs"));
  EXPECT_THAT(ReadCredential(services_, tenant_, "shared")->namespaces(), ElementsAre("team-b"));
  EXPECT_EQ(ErrorReason(ReadCredential(services_, tenant_, "theirs").status()),
            "CREDENTIAL_NOT_FOUND");
}

TEST_F(CredentialsTest, ATenantChangesOnlyWhatIsItsAlone) {
  Create(admin_, Request("shared", {"default", "team-b"})).IgnoreError();
  Create(admin_, Request("theirs", {"default"})).IgnoreError();
  EXPECT_EQ(ErrorReason(Remove(tenant_, "shared")), "WRONG_NAMESPACE");
  EXPECT_EQ(ErrorReason(Remove(tenant_, "theirs")), "CREDENTIAL_NOT_FOUND");
  EXPECT_EQ(ErrorReason(Create(tenant_, Request("x", {"default"})).status()), "WRONG_NAMESPACE");
  EXPECT_EQ(ErrorReason(Create(tenant_, Request("x", {})).status()), "INVALID_REQUEST");
  EXPECT_TRUE(Create(tenant_, Request("mine", {"team-b"})).ok());
  v1::UpdateCredentialRequest request;
  request.set_name("mine");
  request.add_namespaces("default");
  request.mutable_update_mask()->add_paths("namespaces");
  EXPECT_EQ(ErrorReason(Update(tenant_, request).status()), "WRONG_NAMESPACE");
  EXPECT_TRUE(Remove(tenant_, "mine").ok());
}

TEST_F(CredentialsTest, EveryChangeThatWasMadeLeavesARecord) {
  Create(admin_, Request("slack", {"default"})).IgnoreError();
  Create(admin_, Request("slack", {"default"})).IgnoreError();
  Remove(tenant_, "slack").IgnoreError();
  Remove(admin_, "slack").IgnoreError();
  std::vector<std::string> operations;
  const auto page = store_->ListAudit({});
  for (const v1::AuditRecord& record : page->items) {
    operations.push_back(record.operation());
    EXPECT_EQ(record.actor(), "admin");
    EXPECT_EQ(record.credential(), "slack");
    EXPECT_EQ(record.namespace_(), "default");
    EXPECT_THAT(record.DebugString(), Not(HasSubstr("kept-secret")));
  }
  EXPECT_THAT(operations, ElementsAre("credential.delete", "credential.create"));
}

}  // namespace
}  // namespace cronium::controller
