// SPDX-License-Identifier: Apache-2.0
#include "controller/auth/access_table.h"

#include <gtest/gtest.h>

#include "cronium/v1/job_service.pb.h"
#include "cronium/v1/runtime_service.pb.h"

namespace cronium::controller {
namespace {

TEST(AccessTable, HasTheRolesThatTheProtoDeclares) {
  // Linked in by being used.
  v1::CreateJobRequest job_service;
  v1::GetInputRequest runtime_service;
  const auto table = AccessTable::Build({"cronium.v1.JobService", "cronium.v1.RuntimeService"});
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_NE(table->RolesOf("/cronium.v1.JobService/CreateJob"), nullptr);
  EXPECT_EQ(*table->RolesOf("/cronium.v1.JobService/CreateJob"),
            (std::vector<v1::Role>{v1::ROLE_SUBMITTER, v1::ROLE_OPERATOR}));
  EXPECT_EQ(*table->RolesOf("/cronium.v1.RuntimeService/GetInput"),
            (std::vector<v1::Role>{v1::ROLE_EXECUTION}));
  EXPECT_EQ(table->RolesOf("/cronium.v1.JobService/Nonsense"), nullptr);
}

TEST(AccessTable, IsNotMadeForAServiceThatDoesNotExist) {
  EXPECT_EQ(AccessTable::Build({"cronium.v1.NoService"}).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace cronium::controller
