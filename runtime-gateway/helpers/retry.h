// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HELPERS_RETRY_H_
#define CRONIUM_RUNTIME_GATEWAY_HELPERS_RETRY_H_

#include <cstdint>
#include <optional>

namespace cronium::gateway::helpers {

constexpr int64_t kFirstDelayMs = 100;
constexpr int64_t kMaxDelayMs = 5'000;

// Whether a response of `status` may be different next time.
bool MayRetry(int status);

// How long to wait before try number `tries` + 1, where `tries` have been made: twice as long each
// time, spread by `random` over the upper half of it so that many jobs do not come back at once.
// Where the server named a time, never before it, and up to kFirstDelayMs after.
int64_t RetryDelayMs(int tries, std::optional<int> retry_after_s, uint32_t random);

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_RUNTIME_GATEWAY_HELPERS_RETRY_H_
