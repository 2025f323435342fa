// SPDX-License-Identifier: Apache-2.0
#include "controller/api/job_filter.h"

#include <gtest/gtest.h>

namespace cronium::controller {
namespace {

TEST(JobFilter, ReadsStateNodeAndLabels) {
  JobQuery query;
  ASSERT_TRUE(ParseJobFilter("state=running AND node=n1 AND label.team=a=b", &query).ok());
  EXPECT_EQ(query.state, v1::JOB_STATE_RUNNING);
  EXPECT_EQ(query.node, "n1");
  ASSERT_EQ(query.labels.size(), 1u);
  EXPECT_EQ(query.labels[0].second, "a=b");
}

TEST(JobFilter, MayBeEmpty) {
  JobQuery query;
  EXPECT_TRUE(ParseJobFilter(" ", &query).ok());
}

TEST(JobFilter, NamesTheTermThatItDoesNotUnderstand) {
  JobQuery query;
  for (const char* bad : {"state=walking", "colour=red", "node=", "label.=x", "node"}) {
    const absl::Status status = ParseJobFilter(bad, &query);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_NE(status.message().find("filter"), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace cronium::controller
