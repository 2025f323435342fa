// SPDX-License-Identifier: Apache-2.0
#include "controller/retention/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cronium::controller {
namespace {

using testing::HasSubstr;

RetentionPolicy MustParse(const std::vector<std::string>& settings) {
  auto policy = RetentionPolicy::Parse(settings);
  EXPECT_TRUE(policy.ok()) << policy.status();
  return policy.ok() ? *policy : RetentionPolicy();
}

TEST(RetentionPolicy, HasDefaultsForEveryNamespace) {
  const RetentionPolicy policy = MustParse({});
  EXPECT_EQ(policy.LimitsOf("any"), RetentionLimits());
  EXPECT_EQ(policy.LimitsOf("any").log_age, absl::Hours(14 * 24));
}

TEST(RetentionPolicy, ANamespaceTakesFromAllWhatItDoesNotSay) {
  const RetentionPolicy policy =
      MustParse({"nightly:log-age=90d,jobs=7", "*:job-age=12h,job-bytes=3MiB,log-bytes=none"});
  EXPECT_EQ(policy.LimitsOf("web").job_age, absl::Hours(12));
  EXPECT_EQ(policy.LimitsOf("web").jobs, 100'000);
  EXPECT_EQ(policy.LimitsOf("web").job_bytes, 3 << 20);
  EXPECT_EQ(policy.LimitsOf("web").log_bytes, RetentionLimits::kNoLimit);
  EXPECT_EQ(policy.LimitsOf("nightly").job_age, absl::Hours(12));
  EXPECT_EQ(policy.LimitsOf("nightly").jobs, 7);
  EXPECT_EQ(policy.LimitsOf("nightly").log_age, absl::Hours(90 * 24));
}

TEST(RetentionPolicy, SaysWhatIsWrongWithASetting) {
  const auto error = [](const std::vector<std::string>& settings) {
    return std::string(RetentionPolicy::Parse(settings).status().message());
  };
  EXPECT_THAT(error({"job-age=30d"}), HasSubstr("begin with NAMESPACE:"));
  EXPECT_THAT(error({"*:job-age"}), HasSubstr("\"\" is no value for job-age"));
  EXPECT_THAT(error({"*:job-age=30"}), HasSubstr("\"30\" is no value for job-age"));
  EXPECT_THAT(error({"*:jobs=-1"}), HasSubstr("\"-1\" is no value for jobs"));
  EXPECT_THAT(error({"*:log-bytes=10GB"}), HasSubstr("\"10GB\" is no value for log-bytes"));
  EXPECT_THAT(error({"*:log-bytes=99999999TiB"}), HasSubstr("is no value for log-bytes"));
  EXPECT_THAT(error({"*:logs=3"}), HasSubstr("\"logs\" is none of job-age"));
  EXPECT_THAT(error({"a:jobs=1", "a:jobs=2"}), HasSubstr("there are two for a"));
}

}  // namespace
}  // namespace cronium::controller
