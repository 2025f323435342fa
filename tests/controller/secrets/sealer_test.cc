// SPDX-License-Identifier: Apache-2.0
#include "controller/secrets/sealer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/error.h"

namespace cronium::controller {
namespace {

using testing::HasSubstr;
using testing::Not;

SealingKey Key(char fill) { return *MakeSealingKey(std::string(32, fill)); }

TEST(Sealer, WhatIsSealedOpensAgainAndDoesNotShow) {
  const Sealer sealer({Key('a')});
  for (const std::string& secret :
       {std::string("hunter2 hunter2"), std::string(), std::string(100'000, '\0')}) {
    const auto sealed = sealer.Seal(secret, "context");
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    if (!secret.empty()) {
      EXPECT_THAT(*sealed, Not(HasSubstr(secret)));
    }
    EXPECT_EQ(*sealer.Open(*sealed, "context"), secret);
  }
}

TEST(Sealer, TheSameSecretIsNeverSealedTheSameWay) {
  const Sealer sealer({Key('a')});
  EXPECT_NE(*sealer.Seal("secret", "c"), *sealer.Seal("secret", "c"));
}

TEST(Sealer, EveryBitCounts) {
  const Sealer sealer({Key('a')});
  const std::string sealed = *sealer.Seal("secret", "context");
  for (size_t i = 0; i < sealed.size() * 8; ++i) {
    std::string changed = sealed;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(sealer.Open(changed, "context").ok()) << "bit " << i;
  }
}

TEST(Sealer, WhatWasCutOffOrIsNothingSealedIsRefused) {
  const Sealer sealer({Key('a')});
  const std::string sealed = *sealer.Seal("secret", "context");
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_EQ(ErrorReason(sealer.Open(sealed.substr(0, size), "context").status()),
              "SECRET_DAMAGED")
        << size;
  }
}

TEST(Sealer, OpensOnlyWhereItWasSealedFor) {
  const Sealer sealer({Key('a')});
  const std::string sealed = *sealer.Seal("secret", SealingContext({"smtp", "ops", "default"}));
  const auto moved = sealer.Open(sealed, SealingContext({"smtp", "ops", "team-b"}));
  EXPECT_EQ(moved.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ErrorReason(moved.status()), "SECRET_DAMAGED");
}

TEST(Sealer, PartsOfAContextDoNotRunIntoEachOther) {
  EXPECT_NE(SealingContext({"ab", "c"}), SealingContext({"a", "bc"}));
  EXPECT_NE(SealingContext({"a", ""}), SealingContext({"a"}));
  EXPECT_NE(SealingContext({"1:a"}), SealingContext({"a"}));
}

TEST(Sealer, AnOlderKeyStillOpensAndTheNewestSeals) {
  const std::string old_secret = *Sealer({Key('a')}).Seal("old", "c");
  const Sealer rotated({Key('b'), Key('a')});
  EXPECT_EQ(*rotated.Open(old_secret, "c"), "old");
  EXPECT_EQ(Sealer::KeyIdOf(*rotated.Seal("new", "c")), Key('b').id);
}

TEST(Sealer, AMissingKeyIsNamed) {
  const std::string sealed = *Sealer({Key('a')}).Seal("old", "c");
  const absl::Status status = Sealer({Key('b')}).Open(sealed, "c").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(status), "SECRETS_KEY_MISSING");
  EXPECT_THAT(std::string(status.message()), HasSubstr(Key('a').id));
}

}  // namespace
}  // namespace cronium::controller
