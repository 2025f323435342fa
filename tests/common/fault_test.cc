// SPDX-License-Identifier: Apache-2.0
#include "common/fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

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

class FaultFileDeathTest : public testing::Test {
 protected:
  FaultFileDeathTest() { Remove(); }
  ~FaultFileDeathTest() override { Remove(); }
  void Remove() { std::filesystem::remove(path_); }
  // Writes down how often the point was passed before; exits with 100 where it never crashed.
  [[noreturn]] void PassUntilCrash() {
    (void)Arm(("some.point=crash:" + path_).c_str());
    for (int pass = 0; pass < 5; ++pass) {
      std::ofstream(path_ + ".passes") << pass;
      (void)FaultOn("some.point");
    }
    _exit(100);
  }
  std::string Passes() {
    std::string passes;
    std::ifstream(path_ + ".passes") >> passes;
    std::filesystem::remove(path_ + ".passes");
    return passes;
  }
  const std::string path_ = testing::TempDir() + "/fault-" + std::to_string(getpid());
};

TEST_F(FaultFileDeathTest, ACrashWaitsForItsFileAndTakesItAway) {
  EXPECT_EXIT(PassUntilCrash(), testing::ExitedWithCode(100), "");
  std::ofstream(path_).close();
  EXPECT_EXIT(PassUntilCrash(), testing::ExitedWithCode(137), "");
  EXPECT_EQ(Passes(), "0");
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EXIT(PassUntilCrash(), testing::ExitedWithCode(100), "");
  Passes();
}

TEST_F(FaultFileDeathTest, TheFileSaysOnWhichPass) {
  std::ofstream(path_) << 3;
  EXPECT_EXIT(PassUntilCrash(), testing::ExitedWithCode(137), "");
  EXPECT_EQ(Passes(), "2");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST(FaultDeathTest, AMalformedSettingIsNamed) {
  for (const char* faults : {"some.point", "some.point=later", "a=on,b=delay:x", "a=delay:-1",
                             "a=crash:", "a=crash:relative"}) {
    const absl::Status status = Arm(faults);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << faults;
    EXPECT_THAT(status.message(), HasSubstr("CRONIUM_FAULTS"));
  }
}

}  // namespace
}  // namespace cronium
