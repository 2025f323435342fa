// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_INIT_RELAY_CONNECTION_H_
#define CRONIUM_AGENT_INIT_RELAY_CONNECTION_H_

#include <cstddef>
#include <cstdint>

#include "agent/init/event_loop.h"
#include "agent/init/unique_fd.h"

namespace cronium::agent::init {

// What one direction of one connection may hold. The faster side waits for the slower.
constexpr size_t kRelayBufferBytes = 16 * 1024;

// Carries bytes between a client and the gateway, both ways, until both ways have ended.
//
// Each way ends by itself: an end of input is passed on once what came before it is delivered, so
// a client that shuts down its sending side still gets its answer. When one side no longer takes
// what is sent to it (a server that refuses a body and answers at once), the rest of that way is
// read and thrown away while the answer comes back the other way: a unix socket that was closed
// with bytes unread shows as a reset, so a reset by the gateway is taken as the end of its answer.
// HTTP's own framing tells the client whether the answer was whole.
//
// Belongs to the relay; lives on the loop's thread.
class RelayConnection final : public EventLoop::Handler {
 public:
  class Owner {
   public:
    // The connection is over and may be destroyed within the call.
    virtual void OnConnectionOver(RelayConnection* connection) = 0;

   protected:
    ~Owner() = default;
  };

  RelayConnection(EventLoop* loop, Owner* owner, UniqueFd client);
  ~RelayConnection();
  RelayConnection(const RelayConnection&) = delete;
  RelayConnection& operator=(const RelayConnection&) = delete;

  // Until then the client waits. May destroy this object, when the kernel refuses to watch it.
  void Start(UniqueFd gateway);
  bool started() const { return gateway_.ok(); }
  // When the client came, for the owner.
  int64_t accepted_ns() const { return accepted_ns_; }

  // Makes the client see a reset rather than an orderly end, once this object is destroyed.
  void ResetClient();

  void OnEvent(int fd, uint32_t events) override;

 private:
  struct Way {
    int from = -1;
    int to = -1;
    size_t begin = 0;  // of what waits in `buffer`
    size_t end = 0;
    bool input_ended = false;
    bool discarding = false;  // `to` takes no more
    bool over = false;        // the end was passed on
    char buffer[kRelayBufferBytes];
  };

  // One read and one write at most, so that no connection keeps the others waiting. False when the
  // client has failed.
  bool Carry(Way* way, bool may_read);
  bool Read(Way* way);
  bool Write(Way* way);
  // False when the kernel refuses.
  bool WatchBoth();

  EventLoop* const loop_;
  Owner* const owner_;
  UniqueFd client_;
  UniqueFd gateway_;
  const int64_t accepted_ns_;
  Way request_;
  Way answer_;
};

}  // namespace cronium::agent::init

#endif  // CRONIUM_AGENT_INIT_RELAY_CONNECTION_H_
