// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_SESSION_HUB_H_
#define CRONIUM_CONTROLLER_API_SESSION_HUB_H_

#include <cstdint>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "controller/auth/execution_tokens.h"
#include "controller/core/messages.h"
#include "cronium/v1/agent_service.pb.h"

namespace cronium::controller {

// One agent's open session, as the hub sees it.
class SessionPeer {
 public:
  virtual ~SessionPeer() = default;
  // Queues the message. Never waits.
  virtual void Send(v1::SessionResponse message) = 0;
  // Ends the stream after what is queued.
  virtual void End(const absl::Status& reason) = 0;
};

// The open sessions, by connection: the core names a connection, the hub finds its stream.
// Thread-safe.
class SessionHub {
 public:
  // tokens is borrowed: each assignment gets its execution token when it is sent.
  explicit SessionHub(const ExecutionTokens* tokens) : tokens_(tokens) {}

  // A number for a new session. peer is borrowed until Unregister returned.
  uint64_t Register(const std::string& node, SessionPeer* peer);
  void Unregister(uint64_t connection);

  // To the session, if it is still open.
  void Deliver(const Send& send);
  void End(const EndSession& end);
  // Tells every agent that the controller stops.
  void DrainAll();

  // Epoch of the node's open session; 0 for none.
  uint64_t EpochOf(absl::string_view node) const;

 private:
  struct Session {
    std::string node;
    SessionPeer* peer;
    uint64_t epoch = 0;
  };

  const ExecutionTokens* const tokens_;
  mutable Mutex mutex_;
  uint64_t next_connection_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::btree_map<uint64_t, Session> sessions_ ABSL_GUARDED_BY(mutex_);
  // The newest welcomed connection of each node.
  absl::flat_hash_map<std::string, uint64_t> newest_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_SESSION_HUB_H_
