// SPDX-License-Identifier: Apache-2.0
#include "controller/api/page_token.h"

#include <gtest/gtest.h>

namespace cronium::controller {
namespace {

TEST(PageToken, BringsItsPositionBack) {
  const std::string token = MakePageToken("jobs/default/", "job_000000000001");
  const auto position = ReadPageToken("jobs/default/", token);
  ASSERT_TRUE(position.ok());
  EXPECT_EQ(*position, "job_000000000001");
}

TEST(PageToken, IsRefusedByAnotherList) {
  const std::string token = MakePageToken("jobs/default/", "job_000000000001");
  for (const std::string& bad : {token, std::string("x"), std::string("!!!")}) {
    EXPECT_EQ(ReadPageToken("jobs/default/state=queued", bad).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(*ReadPageToken("jobs/default/", ""), "");
}

}  // namespace
}  // namespace cronium::controller
