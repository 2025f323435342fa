// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_IDEMPOTENCY_H_
#define CRONIUM_CONTROLLER_API_IDEMPOTENCY_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/auth/authenticator.h"
#include "controller/core/store.h"

namespace cronium::controller {

// The key of a script's call, empty where the call has none. `content`: the request without its
// key, so that the same request always has the same digest. INVALID_ARGUMENT where the key is
// longer than 128 bytes, or not printable ASCII.
absl::StatusOr<IdempotencyKey> MakeIdempotencyKey(const Caller& caller, absl::string_view method,
                                                  const std::string& key,
                                                  const google::protobuf::Message& content,
                                                  absl::Time now);

// The same of a request that has the field idempotency_key.
template <typename Request>
absl::StatusOr<IdempotencyKey> KeyOf(const Caller& caller, absl::string_view method,
                                     const Request& request, absl::Time now) {
  if (request.idempotency_key().empty()) return IdempotencyKey();
  Request content = request;
  content.clear_idempotency_key();
  return MakeIdempotencyKey(caller, method, request.idempotency_key(), content, now);
}

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_IDEMPOTENCY_H_
