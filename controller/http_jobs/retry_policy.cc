// SPDX-License-Identifier: Apache-2.0
#include "controller/http_jobs/retry_policy.h"

#include <algorithm>
#include <string>

#include "absl/hash/hash.h"
#include "absl/strings/numbers.h"
#include "common/error.h"
#include "common/proto_time.h"
#include "controller/outbound/transfer_error.h"

namespace cronium::controller {
namespace {

// Doubling for longer than this changes nothing: 2^24 times a millisecond is over the cap's 24 h.
constexpr int kMaxDoublings = 27;

}  // namespace

RetryPolicy::RetryPolicy(const v1::HttpSpec& spec)
    : expected_(StatusRanges::Parse(spec.expected_statuses()).value()),
      retried_(StatusRanges::Parse(spec.retry().statuses()).value()),
      errors_(spec.retry().errors()),
      max_tries_(spec.retry().max_tries()),
      backoff_(ToDuration(spec.retry().backoff())),
      max_backoff_(ToDuration(spec.retry().max_backoff())) {}

bool RetryPolicy::RetriesError(const absl::Status& error) const {
  const std::string reason = ErrorReason(error);
  const auto is_one_of = [&](std::initializer_list<absl::string_view> reasons) {
    return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
  };
  if (is_one_of(
          {kOutboundUnresolved, kOutboundConnectFailed, kOutboundTlsFailed, kOutboundQueueFull})) {
    return errors_ == v1::HTTP_RETRY_ERRORS_NOT_SENT || errors_ == v1::HTTP_RETRY_ERRORS_ALL;
  }
  // The rest is refused for good: addresses, certificates, redirects, malformed requests.
  return errors_ == v1::HTTP_RETRY_ERRORS_ALL &&
         is_one_of({kOutboundConnectionLost, kOutboundTimeout, kOutboundFailed});
}

absl::Duration RetryPolicy::Backoff(int tries, std::optional<absl::Duration> retry_after,
                                    uint64_t seed) const {
  const absl::Duration doubled =
      std::min(max_backoff_, backoff_ * (int64_t{1} << std::min(tries - 1, kMaxDoublings)));
  const auto spread = static_cast<int64_t>(absl::HashOf(seed, tries) % 401) - 200;
  const absl::Duration wait = doubled + doubled * spread / 1000;
  return std::min(max_backoff_, std::max(wait, retry_after.value_or(absl::ZeroDuration())));
}

std::optional<absl::Duration> ParseRetryAfter(absl::string_view value, absl::Time now) {
  uint32_t seconds;
  if (absl::SimpleAtoi(value, &seconds)) return absl::Seconds(seconds);
  absl::Time time;
  std::string error;
  if (absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", value, &time, &error)) {
    return std::max(absl::ZeroDuration(), time - now);
  }
  return std::nullopt;
}

}  // namespace cronium::controller
