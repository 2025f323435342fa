// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_agent.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/disk_space.h"

namespace cronium::sim {
namespace {

// Its threads.
constexpr int kManager = 0;
constexpr int kSession = 1;
constexpr int kLogClient = 2;
constexpr int kCapture = 3;
constexpr int kParts = 4;
constexpr int kSlots = 4;
constexpr int64_t kDiskBytes = int64_t{100} << 30;

}  // namespace

bool SimAgent::at_work_ = false;

SimAgent::SimAgent(Scheduler* scheduler, HostTime* host, Link* link, SimEngine* engine,
                   JournalDisk* disk, AgentSetup setup)
    : scheduler_(scheduler), host_(host), link_(link), setup_(std::move(setup)) {
  agent::LogCaptureOptions capture_options;
  capture_options.spool_dir = setup_.folder + "/spool";
  capture_options.max_execution_spool_bytes = 64 << 10;
  capture_options.max_spool_bytes = 128 << 10;
  capture_options.reserved_execution_spool_bytes = 4 << 10;
  capture_options.turn_bytes = 4 << 10;
  capture_options.punch_step_bytes = 8 << 10;
  capture_options.fifo_bytes = 4 << 10;
  capture_options.inline_turns = true;
  auto capture = agent::LogCapture::Create(capture_options, &host_->clock());
  if (!capture.ok()) scheduler_->Fail(capture.status().ToString());
  capture_ = *std::move(capture);
  runtime_ = std::make_unique<SimRuntime>(scheduler_, host_, engine, [this] { Kick(); });

  agent::ManagerOptions options;
  options.settings.cluster = "sim";
  options.settings.node = setup_.node;
  options.settings.inject_dir = "/inject";
  options.settings.gateway_socket_dir = "/gateway";
  options.state_dir = setup_.folder;
  options.slots = kSlots;
  options.boot_id = setup_.boot_id;
  options.new_state_id = setup_.new_state_id;
  auto manager = agent::ExecutionManager::Create(
      options,
      {.clock = &host_->clock(),
       .runtime = runtime_.get(),
       .capture = capture_.get(),
       .read_disk_space = [disk](const std::string&) -> absl::StatusOr<DiskSpace> {
         const int64_t free = disk->fail_chance > 0 ? 0 : kDiskBytes / 2;
         return DiskSpace{.free_bytes = free, .total_bytes = kDiskBytes, .free_files = 1 << 20};
       }},
      std::make_unique<SimJournal>(scheduler_, disk));
  if (!manager.ok()) scheduler_->Fail(manager.status().ToString());
  manager_ = *std::move(manager);

  agent::LogSenderOptions sender_options;
  sender_options.max_batch_bytes = 4 << 10;
  sender_options.max_execution_batch_bytes = 2 << 10;
  sender_ = std::make_unique<agent::LogSender>(sender_options, manager_->log_source(),
                                               [this] { log_client_->Wake(); });
  const agent::Jitter jitter = [this] { return scheduler_->random()->Unit(); };
  agent::LogClientOptions log_options;
  log_options.jitter = jitter;
  log_client_ = std::make_unique<agent::LogClient>(
      log_options, &host_->clock(),
      [this](size_t,
             LogCall::Callbacks callbacks) -> absl::StatusOr<std::shared_ptr<LogCall::Stream>> {
        auto call = LogCall::Start(
            scheduler_, link_, Kicking<LogCall::Stream>(std::move(callbacks)),
            [peers = setup_.peers, node = setup_.node](std::shared_ptr<LogCall> opened) {
              return peers.log(node, std::move(opened));
            });
        calls_.push_back(call);
        return call;
      },
      sender_.get());
  agent::SessionOptions session_options;
  session_options.facts.set_boot_id(setup_.boot_id);
  session_options.facts.set_hostname(setup_.folder);
  session_options.capacity.set_slots(kSlots);
  session_options.capacity.set_cpu_millis(100'000);
  session_options.capacity.set_memory_bytes(int64_t{1} << 40);
  session_options.jitter = jitter;
  session_ = std::make_unique<agent::SessionClient>(
      session_options, &host_->clock(),
      [this](size_t, SessionCall::Callbacks callbacks)
          -> absl::StatusOr<std::shared_ptr<SessionCall::Stream>> {
        auto call = SessionCall::Start(
            scheduler_, link_, Kicking<SessionCall::Stream>(std::move(callbacks)),
            [peers = setup_.peers, node = setup_.node](std::shared_ptr<SessionCall> opened) {
              return peers.session(node, std::move(opened));
            });
        calls_.push_back(call);
        return call;
      },
      manager_.get(), [this](uint64_t epoch) { log_client_->SetEpoch(epoch); });
  capture_->SetDataListener([this](const std::string& id) { sender_->OnData(id); });
  Kick();
}

SimAgent::~SimAgent() {
  alive_.reset();
  for (const auto& weak : calls_) {
    if (const auto call = weak.lock()) call->ClientGone();
  }
}

template <typename Stream>
typename Stream::Callbacks SimAgent::Kicking(typename Stream::Callbacks callbacks) {
  const auto kick = [this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.lock() != nullptr) Kick();
  };
  typename Stream::Callbacks kicking;
  kicking.on_response = [kick, inner = callbacks.on_response](auto response) {
    inner(std::move(response));
    kick();
  };
  if (callbacks.on_writable != nullptr) {
    kicking.on_writable = [kick, inner = callbacks.on_writable] {
      inner();
      kick();
    };
  }
  kicking.on_closed = [kick, inner = callbacks.on_closed](const absl::Status& status,
                                                          std::shared_ptr<Stream> stream) {
    inner(status, std::move(stream));
    kick();
  };
  return kicking;
}

void SimAgent::Kick() {
  if (round_due_ || stopped_) return;
  round_due_ = true;
  host_->After(scheduler_->random()->Between(absl::Microseconds(5), absl::Milliseconds(1)),
               [this, alive = std::weak_ptr<int>(alive_)] {
                 if (alive.lock() == nullptr) return;
                 round_due_ = false;
                 Round();
               });
}

void SimAgent::OnHostEvent() {
  capture_due_ = true;
  Kick();
}

void SimAgent::SetStopped(bool stopped) {
  stopped_ = stopped;
  if (!stopped) Kick();
}

bool SimAgent::WaitsForDisk(int part) {
  absl::Duration& until = busy_until_.at(static_cast<size_t>(part));
  if (scheduler_->now() < until) return true;
  if (slow_ > absl::ZeroDuration()) {
    until = scheduler_->now() + scheduler_->random()->Between(absl::ZeroDuration(), slow_);
  }
  return false;
}

bool SimAgent::TurnOf(int part) {
  switch (part) {
    case kManager:
      return !WaitsForDisk(kManager) && ManagerTurn();
    case kSession:
      return session_->Turn();
    case kLogClient: {
      const bool work = log_client_->Turn();
      capture_due_ |= work;
      return work;
    }
    default:
      if (!capture_due_ && host_->clock().BoottimeNs() < capture_->NextRetryNs()) return false;
      if (WaitsForDisk(kCapture)) return false;
      capture_due_ = capture_->Turn();
      return capture_due_;
  }
}

bool SimAgent::ManagerTurn() {
  const bool begins = !std::exchange(begun_, true);
  if (begins) manager_->Begin(session_.get(), sender_.get());
  const bool work = begins || manager_->Turn();
  capture_due_ |= work;
  return work;
}

// Every thread of the process that has something to do gets on, in any order.
void SimAgent::Round() {
  if (stopped_) return;
  bool work = false;
  try {
    const absl::Cleanup rest = [] { at_work_ = false; };
    at_work_ = true;
    const auto first = static_cast<int>(scheduler_->random()->Below(kParts));
    for (int i = 0; i < kParts; ++i) work |= TurnOf((first + i) % kParts);
  } catch (const Killed&) {
    // This object goes: nothing of it is used after.
    const auto died = setup_.on_died;
    died();
    return;
  }
  if (work) Kick();
  ScheduleWake();
}

void SimAgent::ScheduleWake() {
  int64_t wake_ns = std::min(session_->NextWakeNs(), log_client_->NextWakeNs());
  absl::Duration wake = absl::InfiniteDuration();
  const auto add = [&](int part, int64_t next_ns) {
    const absl::Duration busy_until = busy_until_.at(static_cast<size_t>(part));
    if (scheduler_->now() < busy_until) {
      wake = std::min(wake, busy_until);
    } else {
      wake_ns = std::min(wake_ns, next_ns);
    }
  };
  add(kManager, manager_->NextWakeNs());
  add(kCapture, capture_->NextRetryNs());
  if (wake_ns != std::numeric_limits<int64_t>::max()) {
    wake = std::min(wake, host_->clock().TimeOf(wake_ns));
  }
  if (wake == absl::InfiniteDuration() || wake >= wake_at_) return;
  wake_at_ = wake;
  host_->After(wake - scheduler_->now(), [this, wake, alive = std::weak_ptr<int>(alive_)] {
    if (alive.lock() == nullptr) return;
    if (wake_at_ != wake) return;
    wake_at_ = absl::InfiniteDuration();
    Kick();
  });
}

}  // namespace cronium::sim
