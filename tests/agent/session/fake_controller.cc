// SPDX-License-Identifier: Apache-2.0
#include "tests/agent/session/fake_controller.h"

#include <gtest/gtest.h>

#include "common/rpc/credentials.h"

namespace cronium::agent {

void FakeController::Start() {
  grpc::ServerBuilder builder;
  ApplyServerArguments(&builder, 4 << 20);
  builder.AddListeningPort(address_, DevServerCredentials());
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr) << address_;
}

void FakeController::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

ChannelFactory FakeController::channels() const {
  return [address = address_]() -> absl::StatusOr<std::shared_ptr<grpc::Channel>> {
    return grpc::CreateCustomChannel(address, DevChannelCredentials(),
                                     ClientChannelArguments(/*own_connection=*/true));
  };
}

}  // namespace cronium::agent
