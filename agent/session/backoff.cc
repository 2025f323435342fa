// SPDX-License-Identifier: Apache-2.0
#include "agent/session/backoff.h"

#include <algorithm>

#include "common/log.h"

namespace cronium::agent {

absl::Duration Backoff::Next() {
  const absl::Duration whole = next_;
  next_ = std::min(next_ * 2, max_);
  const double part = jitter_ != nullptr ? jitter_() : absl::Uniform(random_, 0.0, 1.0);
  return whole * (0.5 + part / 2);
}

void FailureLog::Failed(const absl::Status& status, int64_t now_ns) {
  std::string text = status.ToString(absl::StatusToStringMode::kWithNoExtraData);
  if (text == last_ && now_ns - last_ns_ < kRepeatNs) return;
  last_ = std::move(text);
  last_ns_ = now_ns;
  LogWarning("stream ended; it is opened again",
             {{"stream", stream_}, {"controller", controller_}, {"error", status}});
}

}  // namespace cronium::agent
