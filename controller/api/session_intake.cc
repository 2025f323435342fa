// SPDX-License-Identifier: Apache-2.0
#include "controller/api/session_intake.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/log.h"

namespace cronium::controller {
namespace {

constexpr int kProtocolVersion = 1;

}  // namespace

SessionIntake::SessionIntake(SessionHub* hub, SessionPeer* peer,
                             std::function<void(InputMessage)> post, std::string node,
                             std::string address)
    : hub_(hub),
      peer_(peer),
      post_(std::move(post)),
      node_(std::move(node)),
      address_(std::move(address)) {}

absl::Status SessionIntake::Take(v1::SessionRequest request) {
  if (request.has_hello()) return TakeHello(std::move(*request.mutable_hello()));
  if (connection_ == 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, "HELLO_REQUIRED",
                     "the first message of a session must be a Hello");
  }
  if (request.has_heartbeat()) {
    post_(NodeHeartbeat{node_, connection_, std::move(*request.mutable_heartbeat())});
  } else if (request.has_reports()) {
    post_(NodeReports{node_, connection_, std::move(*request.mutable_reports())});
  }
  return absl::OkStatus();
}

absl::Status SessionIntake::TakeHello(v1::Hello hello) {
  if (connection_ != 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, "HELLO_REPEATED",
                     "a session has one Hello");
  }
  const int version = hello.protocol_version();
  if (version != kProtocolVersion) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "PROTOCOL_VERSION",
                     absl::StrCat("the agent speaks protocol ", version, ", this controller ",
                                  kProtocolVersion, "; install matching versions"));
  }
  const v1::NodeCapacity& capacity = hello.capacity();
  if (capacity.slots() < 1 || capacity.cpu_millis() < 1 || capacity.memory_bytes() < 1) {
    Violations violations;
    violations.Add("hello.capacity", "slots, cpu_millis and memory_bytes must be positive");
    return violations.ToStatus();
  }
  connection_ = hub_->Register(node_, peer_);
  LogInfo("session opened", {{"node", node_}, {"address", address_}, {"connection", connection_}});
  post_(OpenSession{node_, connection_, address_, std::move(hello)});
  return absl::OkStatus();
}

void SessionIntake::Close() {
  if (connection_ == 0) return;
  hub_->Unregister(connection_);
  LogInfo("session closed", {{"node", node_}, {"connection", connection_}});
  post_(CloseSession{node_, connection_});
}

}  // namespace cronium::controller
