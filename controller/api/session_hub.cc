// SPDX-License-Identifier: Apache-2.0
#include "controller/api/session_hub.h"

#include <utility>

#include "common/log.h"

namespace cronium::controller {
namespace {

// Fills in what the core leaves out: the spec, which many messages share, and the token.
void Complete(const Send& send, const ExecutionTokens& tokens,
              google::protobuf::RepeatedPtrField<v1::Assignment>* assignments) {
  for (int i = 0; i < assignments->size(); ++i) {
    v1::Assignment* assignment = assignments->Mutable(i);
    *assignment->mutable_spec() = *send.specs[i];
    absl::StatusOr<std::string> token = tokens.Issue(*assignment);
    if (token.ok()) {
      assignment->set_token(*std::move(token));
    } else {
      LogError("an execution token could not be signed", {{"reason", token.status()}});
    }
  }
}

}  // namespace

uint64_t SessionHub::Register(const std::string& node, SessionPeer* peer) {
  MutexLock lock(&mutex_);
  const uint64_t connection = next_connection_++;
  sessions_.emplace(connection, Session{node, peer});
  return connection;
}

void SessionHub::Unregister(uint64_t connection) {
  MutexLock lock(&mutex_);
  const auto it = sessions_.find(connection);
  if (it == sessions_.end()) return;
  const auto newest = newest_.find(it->second.node);
  if (newest != newest_.end() && newest->second == connection) newest_.erase(newest);
  sessions_.erase(it);
}

void SessionHub::Deliver(const Send& send) {
  v1::SessionResponse message = send.message;
  if (message.has_assignments()) {
    Complete(send, *tokens_, message.mutable_assignments()->mutable_assignments());
  }
  MutexLock lock(&mutex_);
  const auto it = sessions_.find(send.connection);
  if (it == sessions_.end()) return;
  if (message.has_welcome()) {
    it->second.epoch = message.welcome().session_epoch();
    newest_[it->second.node] = send.connection;
  }
  it->second.peer->Send(std::move(message));
}

void SessionHub::End(const EndSession& end) {
  MutexLock lock(&mutex_);
  const auto it = sessions_.find(end.connection);
  if (it != sessions_.end()) it->second.peer->End(end.reason);
}

void SessionHub::DrainAll() {
  v1::SessionResponse message;
  message.mutable_drain();
  MutexLock lock(&mutex_);
  for (auto& [connection, session] : sessions_) session.peer->Send(message);
}

uint64_t SessionHub::EpochOf(absl::string_view node) const {
  MutexLock lock(&mutex_);
  const auto newest = newest_.find(node);
  if (newest == newest_.end()) return 0;
  const auto it = sessions_.find(newest->second);
  return it == sessions_.end() ? 0 : it->second.epoch;
}

}  // namespace cronium::controller
