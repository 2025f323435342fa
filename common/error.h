// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_ERROR_H_
#define CRONIUM_COMMON_ERROR_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"

// Errors that a caller of ours sees: an absl::Status whose payloads are google.rpc details.
// common/rpc puts them on the wire.
namespace cronium {

inline constexpr absl::string_view kErrorDomain = "cronium";

using ErrorMetadata = std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

// A status with ErrorInfo{reason, domain "cronium", metadata}. `message` names the thing, the limit
// and what to do.
absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                       ErrorMetadata metadata = {});

// The same with RetryInfo.
absl::Status MakeRetryableError(absl::StatusCode code, absl::string_view reason,
                                absl::string_view message, absl::Duration retry_after,
                                ErrorMetadata metadata = {});

// Collects what is wrong with a request, field by field.
//
//   Violations v;
//   if (spec.image().empty()) v.Add("spec.container.image", "is required");
//   return v.ToStatus();     // OK where nothing was added
class Violations {
 public:
  void Add(absl::string_view field, absl::string_view description);
  bool empty() const { return violations_.empty(); }
  // INVALID_ARGUMENT with ErrorInfo INVALID_REQUEST and BadRequest; the message has the first
  // violation and how many follow.
  absl::Status ToStatus() const;

 private:
  std::vector<std::pair<std::string, std::string>> violations_;
};

// ErrorInfo.reason of a status made here or received from the wire; empty where it has none.
std::string ErrorReason(const absl::Status& status);

// RetryInfo.retry_delay; zero where it has none.
absl::Duration RetryDelay(const absl::Status& status);

// The status as the message that travels in grpc-status-details-bin, and back.
google::rpc::Status ToProto(const absl::Status& status);
absl::Status FromProto(const google::rpc::Status& proto);

}  // namespace cronium

#endif  // CRONIUM_COMMON_ERROR_H_
