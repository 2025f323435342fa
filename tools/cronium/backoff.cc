// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/backoff.h"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

namespace cronium::cli {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(3);

}  // namespace

bool IsLostContact(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    // Of one try: the next has a time limit of its own.
    case absl::StatusCode::kDeadlineExceeded:
      return true;
    // A controller that stops cancels the calls that it still has.
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return false;
  }
}

Backoff::Backoff(absl::Duration give_up_after, const Clock* clock, std::function<double()> random)
    : give_up_after_(give_up_after),
      clock_(clock),
      random_(std::move(random)),
      next_(kFirstPause) {}

std::optional<absl::Duration> Backoff::NextPause() {
  const int64_t now_ns = clock_->BoottimeNs();
  if (!failing_since_ns_.has_value()) failing_since_ns_ = now_ns;
  const absl::Duration left = give_up_after_ - absl::Nanoseconds(now_ns - *failing_since_ns_);
  if (left <= absl::ZeroDuration()) return std::nullopt;
  const absl::Duration pause = next_ * (1 - random_() / 2);
  next_ = std::min(next_ * 2, kLongestPause);
  // The last try is made when the time is over, not before.
  return std::min(pause, left);
}

void Backoff::Reset() {
  failing_since_ns_.reset();
  next_ = kFirstPause;
}

std::function<double()> RandomSource() {
  auto engine = std::make_shared<std::minstd_rand>(std::random_device{}());
  return [engine] { return std::uniform_real_distribution<double>(0, 1)(*engine); };
}

}  // namespace cronium::cli
