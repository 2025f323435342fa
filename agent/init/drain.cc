// SPDX-License-Identifier: Apache-2.0
#include "agent/init/drain.h"

#include <algorithm>
#include <utility>

#include "agent/init/fifo.h"

namespace cronium::agent::init {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

}  // namespace

bool Drain::Open(EventLoop* loop, Listener* listener) {
  listener_ = listener;
  return timer_.Open(loop, this);
}

void Drain::Start(std::vector<const UniqueFd*> fifos) {
  fifos_ = std::move(fifos);
  poll_ms_ = kMinDrainPollMs;
  left_bytes_ = 0;
  progress_ns_ = BootTimeNs();
  Poll();
}

void Drain::LeaseEnded() {
  lease_ended_ns_ = BootTimeNs();
  // A reader that had been away until now gets its second from now on.
  progress_ns_ = lease_ended_ns_;
}

void Drain::OnEvent(int fd, uint32_t events) {
  if (timer_.Consume()) Poll();
}

void Drain::Poll() {
  const int64_t now = BootTimeNs();
  int64_t left = 0;
  for (const UniqueFd* fifo : fifos_) left += BytesInFifo(*fifo);
  if (left == 0) {
    listener_->OnDrained(true);
    return;
  }
  if (left < left_bytes_) {
    progress_ns_ = now;
    poll_ms_ = kMinDrainPollMs;
  }
  left_bytes_ = left;
  if (lease_ended_ns_ != 0 && (now - progress_ns_ >= kMaxIdleDrainMs * kNsPerMs ||
                               now - lease_ended_ns_ >= kMaxDrainAfterLeaseMs * kNsPerMs)) {
    listener_->OnDrained(false);
    return;
  }
  timer_.ArmAfterMs(poll_ms_);
  poll_ms_ = std::min(poll_ms_ * 2, kMaxDrainPollMs);
}

}  // namespace cronium::agent::init
