// SPDX-License-Identifier: Apache-2.0
#include "common/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"

namespace cronium {
namespace {

template <typename Detail>
Detail DetailOf(const absl::Status& status) {
  Detail detail;
  const google::rpc::Status proto = ToProto(status);
  for (const google::protobuf::Any& any : proto.details()) {
    if (any.UnpackTo(&detail)) return detail;
  }
  ADD_FAILURE() << "no such detail in " << status;
  return detail;
}

TEST(ErrorTest, AnErrorCarriesItsReasonOurDomainAndItsMetadata) {
  const absl::Status status = MakeError(absl::StatusCode::kNotFound, "JOB_NOT_FOUND",
                                        "there is no job job_1", {{"job_id", "job_1"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "there is no job job_1");
  EXPECT_EQ(ErrorReason(status), "JOB_NOT_FOUND");
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  EXPECT_EQ(info.domain(), "cronium");
  EXPECT_EQ(info.metadata().at("job_id"), "job_1");
}

TEST(ErrorTest, AnErrorWithoutDetailsHasNoReasonAndNoDelay) {
  EXPECT_EQ(ErrorReason(absl::NotFoundError("x")), "");
  EXPECT_EQ(ErrorReason(absl::OkStatus()), "");
  EXPECT_EQ(RetryDelay(absl::NotFoundError("x")), absl::ZeroDuration());
}

TEST(ErrorTest, ARetryableErrorSaysWhenToTryAgainToTheNanosecond) {
  const absl::Duration delay = absl::Seconds(3) + absl::Nanoseconds(7);
  const absl::Status status =
      MakeRetryableError(absl::StatusCode::kUnavailable, "BUSY", "busy", delay);
  EXPECT_EQ(RetryDelay(status), delay);
  EXPECT_EQ(ErrorReason(status), "BUSY");
}

TEST(ErrorTest, NoViolationIsNoError) {
  Violations violations;
  EXPECT_TRUE(violations.empty());
  EXPECT_TRUE(violations.ToStatus().ok());
}

TEST(ErrorTest, ViolationsNameTheFirstFieldInTheMessageAndAllInTheDetails) {
  Violations violations;
  violations.Add("spec.image", "is required");
  violations.Add("spec.timeout", "is negative");
  violations.Add("spec.env[2]", "has no name");
  const absl::Status status = violations.ToStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "spec.image: is required (and 2 more)");
  EXPECT_EQ(ErrorReason(status), "INVALID_REQUEST");
  const auto bad_request = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_EQ(bad_request.field_violations_size(), 3);
  EXPECT_EQ(bad_request.field_violations(2).field(), "spec.env[2]");
  EXPECT_EQ(bad_request.field_violations(2).description(), "has no name");
}

TEST(ErrorTest, AStatusComesBackWholeFromItsMessage) {
  const absl::Status status = MakeRetryableError(absl::StatusCode::kUnavailable, "BUSY", "busy",
                                                 absl::Seconds(2), {{"limit", "7"}});
  EXPECT_EQ(FromProto(ToProto(status)), status);
  EXPECT_EQ(FromProto(ToProto(absl::OkStatus())), absl::OkStatus());
}

TEST(ErrorTest, ACodeThatNobodyKnowsBecomesUnknown) {
  google::rpc::Status proto;
  proto.set_code(4711);
  EXPECT_EQ(FromProto(proto).code(), absl::StatusCode::kUnknown);
}

}  // namespace
}  // namespace cronium
