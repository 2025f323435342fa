// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_SESSION_SESSION_CLIENT_H_
#define CRONIUM_AGENT_SESSION_SESSION_CLIENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/execution/node_session.h"
#include "agent/session/backoff.h"
#include "agent/session/message_stream.h"
#include "common/clock.h"
#include "common/mailbox.h"
#include "cronium/v1/agent_service.pb.h"

namespace cronium::agent {

using SessionConnector = StreamConnector<v1::SessionRequest, v1::SessionResponse>;

struct SessionOptions {
  // For the log only.
  std::string controller;
  // What Hello says; engine and boot id included.
  v1::NodeFacts facts;
  v1::NodeCapacity capacity;
  std::map<std::string, std::string> labels;
  absl::Duration min_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(5);
  // Of the backoff; see Backoff.
  Jitter jitter;
  // From the call to its Welcome.
  absl::Duration welcome_timeout = absl::Seconds(10);
  // Without a HeartbeatAck for this long, and for three periods, the session is given up.
  absl::Duration silence_timeout = absl::Seconds(15);
  // How long the stream may take to end when the agent does.
  absl::Duration close_timeout = absl::Seconds(1);
};

// Keeps one session with the controller:
//
//   waiting --(backoff)--> connecting: Hello --Welcome--> open: heartbeats, reports, assignments
//      ^                        |                          |
//      +------ stream closed ---+------- stream closed ----+
//
// One thread owns all of it; stream callbacks only post to its mailbox. What comes down goes to
// SessionEvents in order, one message at a time. Public methods are thread-safe; Shutdown waits.
class SessionClient : public Uplink {
 public:
  // `on_epoch` is told each session's epoch, before its Welcome is passed on. All pointers must
  // outlive Shutdown.
  SessionClient(SessionOptions options, const Clock* clock, SessionConnector connect,
                SessionEvents* events, std::function<void(uint64_t)> on_epoch);
  ~SessionClient() override;

  void Start();
  // Instead of Start, for who lends a thread of its own: handles what has come in and what is due,
  // without waiting. False where there was nothing. NextWakeNs says when to call it again although
  // nothing comes in.
  bool Turn();
  int64_t NextWakeNs() const;
  // Ends the session in order: what is queued goes out, what was answered comes in.
  void Shutdown();

  // Uplink:
  void SendReports(uint64_t session, std::vector<v1::ExecutionReport> reports) override;
  void SendConditions(std::vector<v1::NodeCondition> conditions) override;

 private:
  using Stream = MessageStream<v1::SessionRequest, v1::SessionResponse>;
  enum class Phase { kWaiting, kConnecting, kOpen };

  // All below is on the client's thread.
  void Run();
  void OnTimers();
  void Connect();
  void SendHello(const NodeSnapshot& snapshot);
  void SendHeartbeat();
  void WriteReports(const std::vector<v1::ExecutionReport>& reports);
  void OnResponse(v1::SessionResponse response);
  void OnWelcome(v1::Welcome welcome);
  void OnClosed(const absl::Status& status);
  // Ends the stream for a reason of ours; OnClosed follows.
  void GiveUp(const absl::Status& why);
  // A task for the stream of this session; dropped when another one is there.
  template <typename Task>
  void PostFor(uint64_t session, Task task);
  int64_t Now() const { return clock_->BoottimeNs(); }

  const SessionOptions options_;
  const Clock* const clock_;
  const SessionConnector connect_;
  SessionEvents* const events_;
  const std::function<void(uint64_t)> on_epoch_;
  Mailbox<std::function<void()>> mailbox_;
  std::thread thread_;

  Phase phase_ = Phase::kWaiting;
  // Of the present stream, or the last one.
  uint64_t session_ = 0;
  std::shared_ptr<Stream> stream_;
  Backoff backoff_;
  FailureLog failures_;
  // Why we ended the stream ourselves.
  absl::Status given_up_;
  bool stopping_ = false;
  int64_t connect_at_ns_ = 0;
  int64_t deadline_ns_ = 0;
  bool hello_sent_ = false;
  int64_t hello_sent_ns_ = 0;
  int64_t heartbeat_period_ns_ = 0;
  int64_t next_heartbeat_ns_ = 0;
  int64_t last_sent_ns_ = 0;
  int64_t last_ack_ns_ = 0;
  std::vector<v1::NodeCondition> conditions_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_SESSION_SESSION_CLIENT_H_
