// SPDX-License-Identifier: Apache-2.0
#include "agent/session/session_client.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/proto_time.h"
#include "common/protocol_rules.h"

namespace cronium::agent {
namespace {

constexpr int kProtocolVersion = 1;
// Tasks come from the streams (one read and one end at a time), from the manager (reports of what
// it holds) and from its conditions: all bounded by themselves.
constexpr size_t kMailboxCapacity = 1024;
// A stream that has not taken this many messages is stuck.
constexpr size_t kMaxQueuedMessages = 1024;
// The protocol's.
constexpr size_t kMaxReportsPerMessage = 256;
constexpr absl::Duration kMinHeartbeat = absl::Milliseconds(50);
constexpr absl::Duration kMaxHeartbeat = absl::Seconds(60);
constexpr absl::Duration kDefaultHeartbeat = absl::Seconds(5);
constexpr int kMissedHeartbeats = 3;

int64_t Ns(absl::Duration duration) { return absl::ToInt64Nanoseconds(duration); }

}  // namespace

SessionClient::SessionClient(SessionOptions options, const Clock* clock, SessionConnector connect,
                             SessionEvents* events, std::function<void(uint64_t)> on_epoch)
    : options_(std::move(options)),
      clock_(clock),
      connect_(std::move(connect)),
      events_(events),
      on_epoch_(std::move(on_epoch)),
      mailbox_(kMailboxCapacity),
      backoff_(options_.min_backoff, options_.max_backoff, options_.jitter),
      failures_("session", options_.controller) {}

SessionClient::~SessionClient() { Shutdown(); }

void SessionClient::Start() {
  thread_ = std::thread([this] { Run(); });
}

void SessionClient::Shutdown() {
  if (!thread_.joinable()) return;
  mailbox_.SendUrgent([this] {
    stopping_ = true;
    deadline_ns_ = Now() + Ns(options_.close_timeout);
    if (stream_ == nullptr) return;
    if (phase_ == Phase::kOpen) {
      stream_->HalfClose();
    } else {
      stream_->Cancel();
    }
  });
  thread_.join();
  mailbox_.Close();
}

void SessionClient::SendReports(uint64_t session, std::vector<v1::ExecutionReport> reports) {
  PostFor(session, [this, reports = std::move(reports)] {
    if (phase_ == Phase::kOpen) WriteReports(reports);
  });
}

void SessionClient::SendConditions(std::vector<v1::NodeCondition> conditions) {
  mailbox_.SendUrgent([this, conditions = std::move(conditions)] {
    conditions_ = conditions;
    // A Hello that is already out, or about to be, has the older ones.
    if (phase_ == Phase::kOpen) SendHeartbeat();
  });
}

template <typename Task>
void SessionClient::PostFor(uint64_t session, Task task) {
  mailbox_.SendUrgent([this, session, task = std::move(task)]() mutable {
    if (session == session_ && stream_ != nullptr) task();
  });
}

void SessionClient::Run() {
  while (!stopping_ || stream_ != nullptr) {
    const std::chrono::nanoseconds left(std::max<int64_t>(0, NextWakeNs() - Now()));
    for (const std::function<void()>& task : mailbox_.Receive(left)) task();
    OnTimers();
  }
}

bool SessionClient::Turn() {
  const std::vector<std::function<void()>> tasks = mailbox_.Receive(std::chrono::nanoseconds(0));
  const bool due = Now() >= NextWakeNs();
  for (const std::function<void()>& task : tasks) task();
  OnTimers();
  return due || !tasks.empty();
}

int64_t SessionClient::NextWakeNs() const {
  if (stopping_ || phase_ == Phase::kConnecting) return deadline_ns_;
  if (phase_ == Phase::kOpen) return std::min(next_heartbeat_ns_, deadline_ns_);
  return connect_at_ns_;
}

void SessionClient::OnTimers() {
  const int64_t now = Now();
  if (stopping_) {
    if (stream_ != nullptr && now >= deadline_ns_) {
      stream_->Cancel();
      deadline_ns_ = now + Ns(options_.close_timeout);
    }
    return;
  }
  switch (phase_) {
    case Phase::kWaiting:
      if (now >= connect_at_ns_) Connect();
      break;
    case Phase::kConnecting:
      if (now >= deadline_ns_) {
        GiveUp(absl::DeadlineExceededError(
            absl::StrCat("no Welcome within ", absl::FormatDuration(options_.welcome_timeout))));
      }
      break;
    case Phase::kOpen:
      if (now >= deadline_ns_) {
        RuleApplied(6);  // docs/protocol.md P6
        GiveUp(absl::DeadlineExceededError(
            absl::StrCat("no heartbeat was answered for ",
                         absl::FormatDuration(absl::Nanoseconds(now - last_ack_ns_)))));
      } else if (now >= next_heartbeat_ns_) {
        SendHeartbeat();
      }
      break;
  }
}

void SessionClient::Connect() {
  const uint64_t session = ++session_;
  phase_ = Phase::kConnecting;
  hello_sent_ = false;
  given_up_ = absl::OkStatus();
  deadline_ns_ = Now() + Ns(options_.welcome_timeout);
  absl::StatusOr<std::shared_ptr<Stream>> stream = connect_(
      kMaxQueuedMessages,
      {.on_response =
           [this, session](v1::SessionResponse response) {
             PostFor(session, [this, response = std::move(response)]() mutable {
               OnResponse(std::move(response));
             });
           },
       .on_writable = nullptr,
       .on_closed =
           [this, session](const absl::Status& status, std::shared_ptr<Stream> ended) {
             PostFor(session, [this, status, ended = std::move(ended)] { OnClosed(status); });
           }});
  if (!stream.ok()) {
    OnClosed(stream.status());
    return;
  }
  stream_ = *std::move(stream);
  events_->Describe([this, session](NodeSnapshot snapshot) {
    PostFor(session, [this, snapshot = std::move(snapshot)] { SendHello(snapshot); });
  });
}

void SessionClient::SendHello(const NodeSnapshot& snapshot) {
  v1::SessionRequest request;
  v1::Hello* hello = request.mutable_hello();
  hello->set_protocol_version(kProtocolVersion);
  *hello->mutable_facts() = options_.facts;
  hello->mutable_facts()->set_engine_version(snapshot.engine.version);
  hello->mutable_facts()->add_runtimes(snapshot.engine.name.empty() ? "docker"
                                                                    : snapshot.engine.name);
  *hello->mutable_capacity() = options_.capacity;
  hello->mutable_labels()->insert(options_.labels.begin(), options_.labels.end());
  hello->mutable_conditions()->Assign(snapshot.conditions.begin(), snapshot.conditions.end());
  hello->mutable_held()->Assign(snapshot.held.begin(), snapshot.held.end());
  hello->mutable_logs()->Assign(snapshot.logs.begin(), snapshot.logs.end());
  hello->mutable_facts()->set_state_id(snapshot.state_id);
  conditions_ = snapshot.conditions;
  hello_sent_ = true;
  hello_sent_ns_ = Now();
  stream_->Write(std::move(request));
}

void SessionClient::SendHeartbeat() {
  const int64_t now = Now();
  next_heartbeat_ns_ = now + heartbeat_period_ns_;
  v1::SessionRequest request;
  request.mutable_heartbeat()->set_send_boottime_ns(now);
  request.mutable_heartbeat()->mutable_conditions()->Assign(conditions_.begin(), conditions_.end());
  // docs/protocol.md P10: the lease runs from this time, however long the answer takes.
  // Where the queue is full, the silence that follows ends the session.
  if (stream_->Write(std::move(request))) last_sent_ns_ = now;
}

void SessionClient::WriteReports(const std::vector<v1::ExecutionReport>& reports) {
  for (size_t from = 0; from < reports.size(); from += kMaxReportsPerMessage) {
    v1::SessionRequest request;
    auto* out = request.mutable_reports()->mutable_reports();
    const size_t to = std::min(from + kMaxReportsPerMessage, reports.size());
    out->Assign(reports.begin() + static_cast<std::ptrdiff_t>(from),
                reports.begin() + static_cast<std::ptrdiff_t>(to));
    if (!stream_->Write(std::move(request))) {
      // The next session gets them all.
      GiveUp(absl::ResourceExhaustedError("the controller takes no reports"));
      return;
    }
    FaultOn("agent.report.sent");
  }
}

void SessionClient::OnResponse(v1::SessionResponse response) {
  using Message = v1::SessionResponse::MessageCase;
  if (response.message_case() == Message::kWelcome) {
    if (phase_ == Phase::kConnecting && hello_sent_) {
      OnWelcome(std::move(*response.mutable_welcome()));
    }
  } else if (phase_ == Phase::kOpen) {
    switch (response.message_case()) {
      case Message::kHeartbeatAck: {
        last_ack_ns_ = Now();
        const int64_t silence =
            std::max(Ns(options_.silence_timeout), kMissedHeartbeats * heartbeat_period_ns_);
        if (!stopping_) deadline_ns_ = last_ack_ns_ + silence;
        // A time that we did not send yet proves nothing.
        const int64_t contact = response.heartbeat_ack().send_boottime_ns();
        if (contact <= last_sent_ns_) {
          RuleApplied(10);
          events_->OnContact(contact);
        }
        break;
      }
      case Message::kAssignments:
        // What comes while the agent ends is given again by the next Welcome.
        if (!stopping_) events_->OnAssignments(std::move(*response.mutable_assignments()));
        break;
      case Message::kStops:
        events_->OnStops(std::move(*response.mutable_stops()));
        break;
      case Message::kReportAck:
        events_->OnReportAck(response.report_ack().report_seq());
        break;
      case Message::kDrain:
        GiveUp(absl::UnavailableError("the controller drains"));
        break;
      default:
        break;  // Of a newer controller.
    }
  }
  if (stream_ != nullptr) stream_->ReadNext();
}

void SessionClient::OnWelcome(v1::Welcome welcome) {
  phase_ = Phase::kOpen;
  backoff_.Reset();
  failures_.Worked();
  absl::Duration period = ToDuration(welcome.heartbeat_period());
  if (period <= absl::ZeroDuration()) period = kDefaultHeartbeat;
  heartbeat_period_ns_ = Ns(std::clamp(period, kMinHeartbeat, kMaxHeartbeat));
  last_ack_ns_ = Now();
  if (!stopping_) {
    deadline_ns_ = last_ack_ns_ +
                   std::max(Ns(options_.silence_timeout), kMissedHeartbeats * heartbeat_period_ns_);
  }
  LogInfo("session opened", {{"controller", options_.controller},
                             {"epoch", welcome.session_epoch()},
                             {"kept", welcome.keep_size()}});
  on_epoch_(welcome.session_epoch());
  events_->OnWelcome(session_, std::move(welcome), hello_sent_ns_);
  SendHeartbeat();
}

void SessionClient::GiveUp(const absl::Status& why) {
  given_up_ = why;
  stream_->Cancel();
}

void SessionClient::OnClosed(const absl::Status& status) {
  if (phase_ == Phase::kOpen) events_->OnSessionClosed(session_);
  phase_ = Phase::kWaiting;
  stream_.reset();
  if (stopping_) return;
  absl::Status why = given_up_.ok() ? status : std::exchange(given_up_, absl::OkStatus());
  if (why.ok()) why = absl::UnavailableError("the controller ended the session");
  failures_.Failed(why, Now());
  connect_at_ns_ = Now() + Ns(backoff_.Next());
}

}  // namespace cronium::agent
