// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/status.h"

#include <gtest/gtest.h>

#include "common/error.h"

namespace cronium {
namespace {

TEST(RpcStatusTest, DetailsTravelInBothDirections) {
  const absl::Status status = MakeRetryableError(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                                                 "changed meanwhile", absl::Seconds(1));
  const grpc::Status on_wire = ToGrpcStatus(status);
  EXPECT_EQ(on_wire.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(on_wire.error_message(), "changed meanwhile");
  EXPECT_EQ(FromGrpcStatus(on_wire), status);
}

TEST(RpcStatusTest, AStatusWithoutDetailsStaysOne) {
  const grpc::Status on_wire = ToGrpcStatus(absl::NotFoundError("gone"));
  EXPECT_TRUE(on_wire.error_details().empty());
  EXPECT_EQ(FromGrpcStatus(on_wire), absl::NotFoundError("gone"));
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
}

TEST(RpcStatusTest, GarbledDetailsDoNotHideTheError) {
  const grpc::Status garbled(grpc::StatusCode::INTERNAL, "broken", "\xFF\xFF\xFF");
  EXPECT_EQ(FromGrpcStatus(garbled), absl::InternalError("broken"));
}

}  // namespace
}  // namespace cronium
