// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_AUTH_ACCESS_TABLE_H_
#define CRONIUM_CONTROLLER_AUTH_ACCESS_TABLE_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cronium/v1/access.pb.h"

namespace cronium::controller {

// Which roles may call which method, as the protos declare it (option cronium.v1.access).
// Immutable.
class AccessTable {
 public:
  // services: full names, for example "cronium.v1.JobService". FAILED_PRECONDITION naming the
  // method where one of them declares nothing, NOT_FOUND where a service is not linked in.
  static absl::StatusOr<AccessTable> Build(const std::vector<std::string>& services);

  // method: "/cronium.v1.JobService/CreateJob". Null where it is not in the table.
  const std::vector<v1::Role>* RolesOf(absl::string_view method) const;

 private:
  absl::flat_hash_map<std::string, std::vector<v1::Role>> roles_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_AUTH_ACCESS_TABLE_H_
