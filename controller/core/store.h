// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_CORE_STORE_H_
#define CRONIUM_CONTROLLER_CORE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "cronium/v1/access.pb.h"
#include "cronium/v1/job.pb.h"
#include "cronium/v1/node.pb.h"
#include "cronium/v1/variable.pb.h"

// What the controller needs of a database. Implementations: controller/store/.
namespace cronium::controller {

// ---- Changes: what one commit is made of.

// A job with its spec, for the first time.
struct InsertJob {
  v1::Job job;
};
// The job's row anew; its spec stays as inserted, whatever job.spec holds.
struct UpdateJob {
  v1::Job job;
};
// The execution's row, new or anew, without output_json.
struct PutExecution {
  v1::Execution execution;
};
struct PutOutput {
  std::string execution_id;
  std::string output_json;
};
struct PutNode {
  v1::Node node;
};
// Result: etag of the new value, or ABORTED (ETAG_MISMATCH) as SetVariableRequest.etag says.
// variable.etag is not read.
struct SetVariable {
  v1::Variable variable;
  std::string expected_etag;
};
// Result: NOT_FOUND (VARIABLE_NOT_FOUND) or ABORTED (ETAG_MISMATCH).
struct DeleteVariable {
  std::string name_space;
  std::string key;
  std::string expected_etag;
};
struct ApiToken {
  // SHA-256 of the token, hex.
  std::string hash;
  std::string name;
  v1::Role role = v1::ROLE_UNSPECIFIED;
  // Empty for all.
  std::string name_space;
  absl::Time create_time;
};
struct PutApiToken {
  ApiToken token;
};

using Change = std::variant<InsertJob, UpdateJob, PutExecution, PutOutput, PutNode, SetVariable,
                            DeleteVariable, PutApiToken>;

// Of one change: its value where it has one, or why this change alone was not made.
using ChangeResult = absl::StatusOr<std::string>;

// ---- Queries

struct JobQuery {
  std::string name_space;
  // All must hold; unset ones are not asked.
  std::optional<v1::JobState> state;
  std::optional<std::string> node;
  std::vector<std::pair<std::string, std::string>> labels;
  // Jobs older than this one (by create time, then id): the page token's content. Empty for the
  // first page.
  std::string before_job_id;
  int limit = 50;
  // Encoded size of a page's jobs, specs included, at most; but at least one job.
  int64_t max_bytes = 3 << 20;
};

struct VariableQuery {
  std::string name_space;
  std::string prefix;
  // Keys after this one.
  std::string after_key;
  int limit = 100;
  // Of a page; but at least one value.
  int64_t max_value_bytes = 3 << 20;
};

// Part of a list: `more` where its limits, and not its end, ended it.
template <typename T>
struct Page {
  std::vector<T> items;
  bool more = false;
};

// What the core starts from.
struct LiveState {
  // Not ended, with spec, oldest first.
  std::vector<v1::Job> jobs;
  // Not ended, of those jobs.
  std::vector<v1::Execution> executions;
  std::vector<v1::Node> nodes;
};

// Thread-safe. Reads see everything that a returned Commit wrote, never block it, and may run side
// by side. NOT_FOUND carries the reasons of the protos (JOB_NOT_FOUND, EXECUTION_NOT_FOUND,
// NODE_NOT_FOUND, VARIABLE_NOT_FOUND).
class Store {
 public:
  virtual ~Store() = default;

  // Makes all changes, in order, durable in one transaction. An error means that none was made and
  // the same call may be repeated; what concerns one change alone is in its result. One caller at a
  // time (CommitQueue).
  virtual absl::StatusOr<std::vector<ChangeResult>> Commit(absl::Span<const Change> changes) = 0;

  virtual absl::StatusOr<LiveState> LoadLiveState() = 0;

  // With spec.
  virtual absl::StatusOr<v1::Job> GetJob(absl::string_view job_id) = 0;
  // Newest first, with spec. INVALID_ARGUMENT where before_job_id is no job.
  virtual absl::StatusOr<Page<v1::Job>> ListJobs(const JobQuery& query) = 0;
  virtual absl::StatusOr<std::optional<v1::Job>> FindJobByRequestId(
      absl::string_view name_space, absl::string_view request_id) = 0;
  // With output_json.
  virtual absl::StatusOr<v1::Execution> GetExecution(absl::string_view execution_id) = 0;
  // Of the job, oldest first, with output_json.
  virtual absl::StatusOr<std::vector<v1::Execution>> ListExecutions(absl::string_view job_id) = 0;

  virtual absl::StatusOr<v1::Node> GetNode(absl::string_view name) = 0;
  // By name, those after `after_name`.
  virtual absl::StatusOr<Page<v1::Node>> ListNodes(absl::string_view after_name, int limit) = 0;

  virtual absl::StatusOr<v1::Variable> GetVariable(absl::string_view name_space,
                                                   absl::string_view key) = 0;
  virtual absl::StatusOr<Page<v1::Variable>> ListVariables(const VariableQuery& query) = 0;

  virtual absl::StatusOr<std::optional<ApiToken>> FindApiToken(absl::string_view hash) = 0;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_STORE_H_
