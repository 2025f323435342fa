// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_RETRYING_CLIENT_H_
#define CRONIUM_TOOLS_CRONIUM_RETRYING_CLIENT_H_

#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "common/clock.h"
#include "tools/cronium/client.h"

namespace cronium::cli {

struct RetryOptions {
  // How long a controller that does not answer is tried.
  absl::Duration retry_for;
  const Clock* clock = nullptr;
  // Waits; false where that was cut short and no further try is wanted.
  std::function<bool(absl::Duration)> pause;
  // Told of the first failure of each call that is tried again.
  std::function<void(const absl::Status&)> on_retry;
};

// A decorator that repeats calls which the protos call safe to retry, after lost contact and where
// the controller itself asks for it (RetryInfo). Thread-safe.
std::unique_ptr<Client> WithRetries(std::unique_ptr<Client> inner, RetryOptions options);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_RETRYING_CLIENT_H_
