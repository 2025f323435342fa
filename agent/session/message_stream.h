// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_SESSION_MESSAGE_STREAM_H_
#define CRONIUM_AGENT_SESSION_MESSAGE_STREAM_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cronium::agent {

// One bidirectional call, from the client's side: moves messages and knows nothing of them. gRPC
// carries it (ClientStream), or a simulated network. Thread-safe.
template <typename Request, typename Response>
class MessageStream {
 public:
  struct Callbacks {
    // The next one comes after ReadNext.
    std::function<void(Response)> on_response;
    // All that was written is out. May be null.
    std::function<void()> on_writable;
    // Exactly once, and last. Takes over the stream, to be dropped on a thread of the owner's.
    std::function<void(absl::Status, std::shared_ptr<MessageStream>)> on_closed;
  };

  virtual ~MessageStream() = default;

  // False where too much waits already or the stream is closing.
  virtual bool Write(Request request) = 0;
  virtual void ReadNext() = 0;
  // No more writes: what waits goes out, then the peer is told. It is for the peer to end the call.
  virtual void HalfClose() = 0;
  // Ends the call now.
  virtual void Cancel() = 0;
};

// Begins a call, for at most max_queue writes that wait; its first read is under way on return.
// Callbacks come on threads of the transport's: they must be quick and may call the stream.
template <typename Request, typename Response>
using StreamConnector =
    std::function<absl::StatusOr<std::shared_ptr<MessageStream<Request, Response>>>(
        size_t max_queue, typename MessageStream<Request, Response>::Callbacks callbacks)>;

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_SESSION_MESSAGE_STREAM_H_
