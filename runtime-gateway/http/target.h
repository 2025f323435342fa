// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HTTP_TARGET_H_
#define CRONIUM_RUNTIME_GATEWAY_HTTP_TARGET_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// The target of a request line (RFC 9112 section 3.2), taken apart without losing what is encoded
// in it.
namespace cronium::gateway {

struct Target {
  // Still encoded; begins with a slash, except where the target was neither a path nor a URL.
  absl::string_view path;
  absl::string_view query;
};

// Of `/path?query` or `http://host/path?query`. The parts are slices of target.
Target SplitTarget(absl::string_view target);

// Replaces %XX by its byte. INVALID_ARGUMENT where two hexadecimal digits do not follow a percent
// sign.
absl::StatusOr<std::string> PercentDecode(absl::string_view text);

// The first value of a query parameter, decoded, with + as a space; empty where it is absent.
// INVALID_ARGUMENT, naming the parameter, where its encoding is wrong.
absl::StatusOr<std::string> QueryParameter(absl::string_view query, absl::string_view name);

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_HTTP_TARGET_H_
