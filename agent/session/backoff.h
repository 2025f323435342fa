// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_SESSION_BACKOFF_H_
#define CRONIUM_AGENT_SESSION_BACKOFF_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace cronium::agent {

// A number of [0, 1), anew with each call; null for a random one.
using Jitter = std::function<double()>;

// How long to wait before the next try: doubles from `min` to `max`, each time a random part of it
// between a half and the whole, so that a fleet whose controller comes back does not come at once.
// Not thread-safe.
class Backoff {
 public:
  Backoff(absl::Duration min, absl::Duration max, Jitter jitter = nullptr)
      : min_(min), max_(max), jitter_(std::move(jitter)), next_(min) {}

  absl::Duration Next();
  // It worked.
  void Reset() { next_ = min_; }

 private:
  const absl::Duration min_;
  const absl::Duration max_;
  const Jitter jitter_;
  absl::Duration next_;
  absl::BitGen random_;
};

// Says in the log why a stream is not there: at once when the reason is new, else once a minute.
// Not thread-safe.
class FailureLog {
 public:
  // `stream` and `controller` are what the line names.
  FailureLog(std::string stream, std::string controller)
      : stream_(std::move(stream)), controller_(std::move(controller)) {}

  void Failed(const absl::Status& status, int64_t now_ns);
  void Worked() { last_.clear(); }

 private:
  static constexpr int64_t kRepeatNs = 60'000'000'000;

  const std::string stream_;
  const std::string controller_;
  std::string last_;
  int64_t last_ns_ = 0;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_SESSION_BACKOFF_H_
