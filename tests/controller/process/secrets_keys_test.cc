// SPDX-License-Identifier: Apache-2.0
#include "controller/process/secrets_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "common/error.h"
#include "common/fault.h"
#include "controller/actions/credential_rules.h"
#include "controller/secrets/key_file.h"
#include "controller/store/sqlite/sqlite_store.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

using testing::HasSubstr;

class SecretsKeysTest : public testing::Test {
 protected:
  SecretsKeysTest() { data_.path = dir_.path(); }

  std::unique_ptr<SqliteStore> Open() {
    auto store = SqliteStore::Open({data_.database()});
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  void Add(const std::string& name) {
    const std::unique_ptr<SqliteStore> store = Open();
    const auto sealer = OpenSealer(data_, store.get());
    ASSERT_TRUE(sealer.ok()) << sealer.status();
    v1::CredentialSecret secret;
    secret.mutable_slack()->set_bot_token("token of " + name);
    InsertCredential insert;
    insert.credential.set_name(name);
    insert.credential.set_kind(KindOf(secret));
    insert.sealed = *SealSecret(**sealer, insert.credential, secret);
    const Change change = insert;
    ASSERT_TRUE(store->Commit({&change, 1}).ok());
  }
  std::string TokenOf(const std::string& name) {
    const std::unique_ptr<SqliteStore> store = Open();
    const auto sealer = OpenSealer(data_, store.get());
    if (!sealer.ok()) return std::string(sealer.status().message());
    const auto stored = store->GetCredential(name);
    if (!stored.ok()) return ErrorReason(stored.status());
    const auto secret = OpenSecret(**sealer, *stored);
    return secret.ok() ? secret->slack().bot_token() : ErrorReason(secret.status());
  }

  TempDir dir_ = TempDir::InMemory();
  DataDir data_;
};

TEST_F(SecretsKeysTest, AFolderWithoutAKeyGetsOneWhenItIsFirstOpened) {
  Add("a");
  EXPECT_EQ(TokenOf("a"), "token of a");
  EXPECT_EQ(ReadSealingKeys(data_.secrets_key())->size(), 1u);
}

TEST_F(SecretsKeysTest, AKeyThatSecretsNeedIsNeverMadeAnew) {
  Add("a");
  ASSERT_EQ(unlink(data_.secrets_key().c_str()), 0);
  EXPECT_THAT(TokenOf("a"), HasSubstr("is missing, and 1 credentials are sealed with it"));
  EXPECT_FALSE(ReadSealingKeys(data_.secrets_key()).ok());
}

TEST_F(SecretsKeysTest, RotatingSealsEverythingAnew) {
  Add("a");
  Add("b");
  const std::string old_id = ReadSealingKeys(data_.secrets_key())->front().id;
  const auto rotated = RotateSecretsKey(data_, {});
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(rotated->sealed, 2);
  EXPECT_NE(rotated->key_id, old_id);
  EXPECT_EQ(Sealer::KeyIdOf(Open()->GetCredential("a")->sealed), rotated->key_id);
  EXPECT_EQ(TokenOf("a"), "token of a");
  EXPECT_EQ(TokenOf("b"), "token of b");
  // The old one still opens older copies of the database.
  EXPECT_EQ(ReadSealingKeys(data_.secrets_key())->size(), 2u);
}

using SecretsKeysDeathTest = SecretsKeysTest;

TEST_F(SecretsKeysDeathTest, ARotationThatDiesAfterItsKeyWasWrittenLosesNothingAndCanBeRepeated) {
  Add("a");
  const auto die = [this] {
    setenv("CRONIUM_FAULTS", "controller.keys.written=crash", 1);
    if (ArmFaultsFromEnvironment().ok()) (void)RotateSecretsKey(data_, {});
    _exit(1);
  };
  EXPECT_EXIT(die(), testing::ExitedWithCode(137), "");
  EXPECT_EQ(ReadSealingKeys(data_.secrets_key())->size(), 2u);
  EXPECT_EQ(TokenOf("a"), "token of a");
  EXPECT_EQ(RotateSecretsKey(data_, {.drop_old_keys = true})->sealed, 1);
  EXPECT_EQ(TokenOf("a"), "token of a");
}

TEST_F(SecretsKeysTest, OldKeysAreForgottenWhenThatIsAskedFor) {
  Add("a");
  const auto rotated = RotateSecretsKey(data_, {.drop_old_keys = true});
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(ReadSealingKeys(data_.secrets_key())->size(), 1u);
  EXPECT_EQ(TokenOf("a"), "token of a");
}

TEST_F(SecretsKeysTest, WhatCannotBeOpenedStopsTheRotationUnlessItIsToBeDiscarded) {
  Add("a");
  ASSERT_EQ(unlink(data_.secrets_key().c_str()), 0);
  ASSERT_TRUE(MakeSealingKeyFile(data_.secrets_key()).ok());
  Add("b");
  const std::string before = ReadSealingKeys(data_.secrets_key())->front().id;
  const absl::Status refused = RotateSecretsKey(data_, {}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("credential a"));
  EXPECT_EQ(ReadSealingKeys(data_.secrets_key())->front().id, before);
  const auto rotated = RotateSecretsKey(data_, {.discard_unreadable = true});
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(rotated->discarded, 1);
  EXPECT_EQ(TokenOf("a"), "CREDENTIAL_NOT_FOUND");
  EXPECT_EQ(TokenOf("b"), "token of b");
}

TEST_F(SecretsKeysTest, RotatingUnderARunningControllerIsRefused) {
  Add("a");
  const std::unique_ptr<SqliteStore> running = Open();
  EXPECT_EQ(RotateSecretsKey(data_, {}).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace cronium::controller
