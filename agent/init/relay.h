// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_RELAY_H_
#define CRONIUM_AGENT_INIT_RELAY_H_

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/init/event_loop.h"
#include "agent/init/relay_connection.h"
#include "agent/init/timer.h"
#include "agent/init/unique_fd.h"

namespace cronium::agent::init {

// Connections at a time; further ones wait in the listener's queue of kRelayBacklog.
constexpr size_t kMaxRelayConnections = 256;
constexpr int kRelayBacklog = 128;
// How long a client waits for a gateway that does not answer, and how often it is tried.
constexpr int64_t kGatewayPatienceMs = 5'000;
constexpr int64_t kGatewayRetryMs = 50;

// Lets programs that speak TCP reach the runtime gateway's unix socket from a container that has no
// network. One connection taken is one new connection to the socket: nothing is shared or kept, so
// a gateway that was restarted serves the next one. While it is restarting, clients wait for it for
// kGatewayPatienceMs, and are then reset.
//
// Belongs to the supervisor; lives on the loop's thread. At most 2 * kMaxRelayConnections *
// kRelayBufferBytes (8 MiB) of memory.
class Relay final : public EventLoop::Handler, public RelayConnection::Owner {
 public:
  // An empty result is success; else it says why the address cannot be listened on.
  std::string Start(EventLoop* loop, const sockaddr_in& address, const std::string& socket_path);

  // "address:port" as bound.
  std::string Address() const;

  // Drops the listener and every connection.
  void Stop();

  void OnEvent(int fd, uint32_t events) override;
  void OnConnectionOver(RelayConnection* connection) override;

 private:
  void Accept();
  // Watches the listener while there is room, and has the timer run while anybody waits for it.
  void Rearm();
  void RetryWaiting();
  // True when the connection is through, or over.
  bool TryStart(RelayConnection* connection);

  EventLoop* loop_ = nullptr;
  std::string socket_path_;
  UniqueFd listener_;
  Timer retry_timer_;
  bool retry_armed_ = false;
  bool out_of_resources_ = false;
  std::vector<std::unique_ptr<RelayConnection>> connections_;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_RELAY_H_
