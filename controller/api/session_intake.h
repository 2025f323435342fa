// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_SESSION_INTAKE_H_
#define CRONIUM_CONTROLLER_API_SESSION_INTAKE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "controller/api/session_hub.h"
#include "controller/core/messages.h"
#include "cronium/v1/agent_service.pb.h"

namespace cronium::controller {

// What comes up one agent's session: checked, and handed to the core under the session's
// connection. Not thread-safe: one request at a time.
class SessionIntake {
 public:
  // hub and peer are borrowed. `post` hands to the core.
  SessionIntake(SessionHub* hub, SessionPeer* peer, std::function<void(InputMessage)> post,
                std::string node, std::string address);

  // An error ends the session.
  absl::Status Take(v1::SessionRequest request);
  // The stream is over: nothing is sent to the peer once this returned.
  void Close();

 private:
  absl::Status TakeHello(v1::Hello hello);

  SessionHub* const hub_;
  SessionPeer* const peer_;
  const std::function<void(InputMessage)> post_;
  const std::string node_;
  const std::string address_;
  // 0 before the Hello.
  uint64_t connection_ = 0;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_SESSION_INTAKE_H_
