// SPDX-License-Identifier: Apache-2.0
#include "controller/core/node_messages.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/proto_time.h"

namespace cronium::controller {

absl::Time LossTime(LeaseSide side, absl::Time last_contact, const v1::JobSpec& spec) {
  return absl::FromUnixNanos(LeaseEndNs(side, absl::ToUnixNanos(last_contact),
                                        ToDuration(spec.lost_after()),
                                        ToDuration(spec.timeouts().stop_grace())));
}

v1::SessionResponse StopMessage(const std::string& execution_id, v1::EndReason reason) {
  v1::SessionResponse message;
  v1::Stop* stop = message.mutable_stops()->add_stops();
  stop->set_execution_id(execution_id);
  stop->set_reason(reason);
  return message;
}

Send AssignmentMessage(uint64_t connection, const v1::Execution& execution,
                       std::shared_ptr<const v1::JobSpec> spec) {
  Send send{connection, {}, {std::move(spec)}};
  v1::Assignment* assignment = send.message.mutable_assignments()->add_assignments();
  assignment->set_execution_id(execution.id());
  assignment->set_job_id(execution.job_id());
  assignment->set_namespace_(execution.namespace_());
  assignment->set_attempt(execution.attempt());
  *assignment->mutable_assign_time() = execution.assign_time();
  return send;
}

std::vector<Send> MergeAssignments(std::vector<Send> sends, int64_t max_spec_bytes) {
  struct Open {
    size_t message;
    int64_t bytes;
  };
  std::vector<Send> merged;
  absl::flat_hash_map<uint64_t, Open> open;
  for (Send& send : sends) {
    const auto bytes = static_cast<int64_t>(send.specs.front()->ByteSizeLong());
    const auto it = open.find(send.connection);
    if (it == open.end() || it->second.bytes + bytes > max_spec_bytes) {
      open[send.connection] = {merged.size(), bytes};
      merged.push_back(std::move(send));
      continue;
    }
    it->second.bytes += bytes;
    Send& into = merged[it->second.message];
    into.message.mutable_assignments()->MergeFrom(send.message.assignments());
    into.specs.insert(into.specs.end(), send.specs.begin(), send.specs.end());
  }
  return merged;
}

}  // namespace cronium::controller
