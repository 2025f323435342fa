// SPDX-License-Identifier: Apache-2.0
#include "common/fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace cronium {
namespace {

using ::testing::HasSubstr;

absl::Status Arm(const char* faults) {
  setenv("CRONIUM_FAULTS", faults, 1);
  absl::Status status = ArmFaultsFromEnvironment();
  unsetenv("CRONIUM_FAULTS");
  return status;
}

// Faults stay on for the rest of a process, so whatever arms one does so in a process of its own.
[[noreturn]] void ExitWith(bool good) { _exit(good ? 0 : 1); }

TEST(FaultDeathTest, NothingIsOnUnlessItIsSwitchedOn) {
  EXPECT_FALSE(FaultOn("some.point"));
  EXPECT_TRUE(Arm("").ok());
  EXPECT_FALSE(FaultOn("some.point"));
}

TEST(FaultDeathTest, OnlyTheNamedPointIsOn) {
  EXPECT_EXIT(
      {
        const bool armed = Arm("some.point=on,slow.point=delay:1").ok();
        ExitWith(armed && FaultOn("some.point") && !FaultOn("slow.point") &&
                 !FaultOn("other.point"));
      },
      testing::ExitedWithCode(0), "");
}

TEST(FaultDeathTest, ACrashEndsTheProcessAsAKillWould) {
  EXPECT_EXIT(
      {
        (void)Arm("some.point=crash");
        (void)FaultOn("some.point");
      },
      testing::ExitedWithCode(137), "");
}

TEST(FaultDeathTest, AMalformedSettingIsNamed) {
  for (const char* faults : {"some.point", "some.point=later", "a=on,b=delay:x", "a=delay:-1"}) {
    const absl::Status status = Arm(faults);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << faults;
    EXPECT_THAT(status.message(), HasSubstr("CRONIUM_FAULTS"));
  }
}

}  // namespace
}  // namespace cronium
