// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_EXECUTION_RUN_FOLDER_H_
#define CRONIUM_AGENT_EXECUTION_RUN_FOLDER_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cronium::agent {

// The end of a lease that never ends.
inline constexpr int64_t kLeaseForever = std::numeric_limits<int64_t>::max();

// The folder that is mounted into one container as /run/cronium/job:
//
//   <root>/                 0700: what is below is for root and the containers
//     <execution>/          0755
//       stdout stderr status   FIFOs 0666 (made by agent/logs)
//       script                 0555
//       script.mjs             the same file: Node.js tells an ES module by this ending
//       lease                  0444; CLOCK_BOOTTIME ns, or `keep`. Written when the container is
//       about
//                              to be started and not before: without it nothing has begun
//       cronium node_modules   links to the helpers for Python and Node.js, which look beside a
//                              script first; they lead somewhere only inside the container
//
// Nothing is synced: after a crash of the host the container is gone too. Not thread-safe.
class RunFolders {
 public:
  // Makes `root` where it is missing.
  static absl::StatusOr<RunFolders> Open(const std::string& root);

  std::string PathOf(absl::string_view execution_id) const;

  // The folder with all that belongs into it but the lease. May be repeated.
  absl::Status Make(absl::string_view execution_id, absl::string_view script) const;
  absl::Status WriteLease(absl::string_view execution_id, int64_t end_ns) const;
  // Nothing where the file is missing or garbled.
  std::optional<int64_t> ReadLease(absl::string_view execution_id) const;
  // OK where there is none.
  absl::Status Remove(absl::string_view execution_id) const;
  absl::StatusOr<std::vector<std::string>> List() const;

 private:
  explicit RunFolders(std::string root) : root_(std::move(root)) {}

  std::string root_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_EXECUTION_RUN_FOLDER_H_
