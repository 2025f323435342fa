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
#include "cronium/v1/audit.pb.h"
#include "cronium/v1/credential.pb.h"
#include "cronium/v1/job.pb.h"
#include "cronium/v1/node.pb.h"
#include "cronium/v1/variable.pb.h"

// What the controller needs of a database. Implementations: controller/store/.
namespace cronium::controller {

// Of executions' effects. At the limit, records older than the age give way to new ones, except
// intents that were never finished; where none may, the change fails with RESOURCE_EXHAUSTED
// (IDEMPOTENCY_KEYS_EXHAUSTED).
inline constexpr int kMaxIdempotencyKeys = 100'000;
inline constexpr absl::Duration kMinIdempotencyAge = absl::Hours(1);
// How long after its execution's end a record is kept.
inline constexpr absl::Duration kIdempotencyAfterEnd = absl::Hours(1);

// Makes a change happen once, however often it is asked for: the key commits with the change. A
// second change with the same key is not made; its result is the first one's where the digest is
// the same, else ALREADY_EXISTS (IDEMPOTENCY_KEY_REUSED). A change that was refused has had no
// effect, and leaves the key free.
//
// A change with a key belongs to its execution: NOT_FOUND (EXECUTION_NOT_FOUND), PERMISSION_DENIED
// (EXECUTION_ENDED).
struct IdempotencyKey {
  std::string execution_id;
  // 1 to 128 bytes of printable ASCII; empty where the change may happen as often as it comes.
  std::string key;
  // SHA-256 of what is asked for, 32 bytes.
  std::string digest;
  // For the record's age.
  absl::Time time;

  bool empty() const { return key.empty(); }
};

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
// NOT_FOUND (EXECUTION_NOT_FOUND), PERMISSION_DENIED (EXECUTION_ENDED).
struct PutOutput {
  std::string execution_id;
  std::string output_json;
  IdempotencyKey once = {};
};
// Kept apart from the execution's row, over which it prevails when the execution is read. Result:
// "made", or empty where its key had been used. Errors as PutOutput.
struct PutCondition {
  std::string execution_id;
  bool condition = false;
  IdempotencyKey once = {};
};
// The job with all that is stored of it, if it has ended; a live one, or none, is left as it is.
struct DeleteEndedJob {
  std::string job_id;
};
// Gives back to the file system what deletions left unused, at most about so much.
struct ReclaimSpace {
  int64_t max_bytes = 0;
};
struct PutNode {
  v1::Node node;
};
// Result: etag of the new value, or ABORTED (ETAG_MISMATCH) as SetVariableRequest.etag says.
// variable.etag is not read.
struct SetVariable {
  v1::Variable variable;
  std::string expected_etag;
  IdempotencyKey once = {};
};
// Result: NOT_FOUND (VARIABLE_NOT_FOUND) or ABORTED (ETAG_MISMATCH).
struct DeleteVariable {
  std::string name_space;
  std::string key;
  std::string expected_etag;
  IdempotencyKey once = {};
};
// Adds to a number as IncrementedValue (variable_math.h) does, whose errors it has; what is not
// there counts as 0. Result: a serialized v1::Variable with value_json and etag.
struct IncrementVariable {
  // namespace, key, update_time, updater.
  v1::Variable variable;
  // A JSON number.
  std::string by_json;
  IdempotencyKey once = {};
};
// Appends to a string as AppendedValue (variable_math.h) does, whose errors it has; what is not
// there counts as "". Result: the new etag.
struct AppendVariable {
  // namespace, key, update_time, updater.
  v1::Variable variable;
  // JSON strings.
  std::string text_json;
  std::string separator_json;
  IdempotencyKey once = {};
};

// ---- Effects outside of the database (a mail, a webhook), which no transaction holds: the intent
// is committed first, then the effect is tried, then its outcome is committed.

// Records that the effect is about to be tried. ALREADY_EXISTS (EFFECT_BEGUN) where that is
// recorded already: FindIdempotencyRecord tells how it went. One that was begun and never finished
// was cut off by a crash, and must not be tried again, since nobody knows whether it happened.
// Other errors as IdempotencyKey has them. once must not be empty.
struct BeginEffect {
  IdempotencyKey once;
};
// Records the outcome (at most 64 KiB). NOT_FOUND (EFFECT_NOT_BEGUN) where it is not recorded as
// begun. Also made after the execution ended.
struct FinishEffect {
  IdempotencyKey once;
  std::string result;
};
// Forgets the intent: the effect is known not to have happened, and the key may be used again.
// NOT_FOUND (EFFECT_NOT_BEGUN).
struct CancelEffect {
  IdempotencyKey once;
};
// Forgets up to `limit` records of executions that ended before this time. Result: how many.
struct SweepIdempotencyRecords {
  absl::Time ended_before;
  int limit = 1000;
};

// ---- Credentials of tool actions, and the record of who did what with them.

inline constexpr int kMaxCredentials = 1000;

// The oldest audit records go as new ones come.
struct AuditLimits {
  int64_t max_records = 1'000'000;
  absl::Duration max_age = absl::Hours(24 * 90);
};
// Result: the record's id, which is given here.
struct AppendAudit {
  v1::AuditRecord record;
  AuditLimits limits;
};
// Result: the etag. ALREADY_EXISTS (CREDENTIAL_EXISTS), RESOURCE_EXHAUSTED (TOO_MANY_CREDENTIALS).
struct InsertCredential {
  // last_use_time and etag are not read.
  v1::Credential credential;
  // controller/secrets.
  std::string sealed;
  // Written where the change is made; as in the next two.
  std::optional<AppendAudit> audit = std::nullopt;
};
// As a whole. Result: the etag. NOT_FOUND (CREDENTIAL_NOT_FOUND), ABORTED (ETAG_MISMATCH).
struct UpdateCredential {
  v1::Credential credential;
  std::string sealed;
  std::string expected_etag;
  std::optional<AppendAudit> audit = std::nullopt;
};
// The same errors.
struct DeleteCredential {
  std::string name;
  std::string expected_etag;
  std::optional<AppendAudit> audit = std::nullopt;
};
// Sets last_use_time, where the credential is still there; the etag stays.
struct TouchCredential {
  std::string name;
  absl::Time time;
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

using Change =
    std::variant<InsertJob, UpdateJob, PutExecution, PutOutput, PutCondition, DeleteEndedJob,
                 ReclaimSpace, PutNode, SetVariable, DeleteVariable, IncrementVariable,
                 AppendVariable, BeginEffect, FinishEffect, CancelEffect, SweepIdempotencyRecords,
                 InsertCredential, UpdateCredential, DeleteCredential, TouchCredential, AppendAudit,
                 PutApiToken>;

// Of one change: its value where it has one, or why this change alone was not made.
using ChangeResult = absl::StatusOr<std::string>;

// ---- Queries

// A place in a list of jobs, whether or not the job is still there.
struct JobPosition {
  int64_t create_time_ns = 0;
  std::string job_id;
};

inline JobPosition PositionOf(const v1::Job& job) {
  return {job.create_time().seconds() * 1'000'000'000 + job.create_time().nanos(), job.id()};
}

struct JobQuery {
  std::string name_space;
  // All must hold; unset ones are not asked.
  std::optional<v1::JobState> state;
  std::optional<std::string> node;
  std::vector<std::pair<std::string, std::string>> labels;
  // Jobs older than this (by create time, then id): the page token's content. Unset for the first
  // page.
  std::optional<JobPosition> before;
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

struct CredentialQuery {
  // Granted to it; empty for all.
  std::string name_space;
  std::optional<v1::CredentialKind> kind;
  // Names after this one.
  std::string after_name;
  int limit = 100;
};

struct StoredCredential {
  v1::Credential credential;
  std::string sealed;
};

struct AuditQuery {
  // All must hold; empty or unset ones are not asked.
  std::string name_space;
  std::string job_id;
  std::optional<absl::Time> since;
  std::optional<absl::Time> until;
  // Older than this one.
  int64_t before_id = INT64_MAX;
  int limit = 100;
};

// The jobs of a namespace that have ended. bytes: of specs and outputs, which is what varies.
struct EndedJobsUsage {
  int64_t jobs = 0;
  int64_t bytes = 0;
};

struct EndedJob {
  std::string id;
  std::string request_id;
  absl::Time end_time;
  int64_t bytes = 0;
};

// What the logs of a namespace are still there for.
struct LogHolders {
  // When the oldest job was created. Nothing is known of executions assigned before; no value where
  // there is no job.
  std::optional<absl::Time> oldest_job;
  // When each execution of a job that has not ended was assigned.
  std::vector<absl::Time> live;
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

// What is known of a key.
struct IdempotencyRecord {
  std::string digest;
  // Whether the effect has happened; else it was begun (BeginEffect).
  bool done = false;
  // Of the change, or of FinishEffect.
  std::string result;
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
  // Newest first, with spec.
  virtual absl::StatusOr<Page<v1::Job>> ListJobs(const JobQuery& query) = 0;
  // Without spec, those that ended at or after `since`, ended first first; at most `limit`.
  virtual absl::StatusOr<std::vector<v1::Job>> ListJobsEndedSince(absl::string_view name_space,
                                                                  absl::Time since, int limit) = 0;
  virtual absl::StatusOr<std::optional<v1::Job>> FindJobByRequestId(
      absl::string_view name_space, absl::string_view request_id) = 0;
  // With output_json.
  virtual absl::StatusOr<v1::Execution> GetExecution(absl::string_view execution_id) = 0;
  // Of the job, oldest first, with output_json.
  virtual absl::StatusOr<std::vector<v1::Execution>> ListExecutions(absl::string_view job_id) = 0;

  // ---- For retention.

  // Those with jobs, by name.
  virtual absl::StatusOr<std::vector<std::string>> ListNamespaces() = 0;
  virtual absl::StatusOr<EndedJobsUsage> GetEndedJobsUsage(absl::string_view name_space) = 0;
  // Ended first first.
  virtual absl::StatusOr<std::vector<EndedJob>> ListEndedJobs(absl::string_view name_space,
                                                              int limit) = 0;
  virtual absl::StatusOr<LogHolders> GetLogHolders(absl::string_view name_space) = 0;
  // What ReclaimSpace could give back.
  virtual absl::StatusOr<int64_t> GetUnusedBytes() = 0;

  virtual absl::StatusOr<v1::Node> GetNode(absl::string_view name) = 0;
  // By name, those after `after_name`.
  virtual absl::StatusOr<Page<v1::Node>> ListNodes(absl::string_view after_name, int limit) = 0;

  virtual absl::StatusOr<v1::Variable> GetVariable(absl::string_view name_space,
                                                   absl::string_view key) = 0;
  virtual absl::StatusOr<Page<v1::Variable>> ListVariables(const VariableQuery& query) = 0;

  virtual absl::StatusOr<std::optional<IdempotencyRecord>> FindIdempotencyRecord(
      absl::string_view execution_id, absl::string_view key) = 0;

  // NOT_FOUND (CREDENTIAL_NOT_FOUND).
  virtual absl::StatusOr<StoredCredential> GetCredential(absl::string_view name) = 0;
  // By name.
  virtual absl::StatusOr<Page<StoredCredential>> ListCredentials(const CredentialQuery& query) = 0;
  // Newest first.
  virtual absl::StatusOr<Page<v1::AuditRecord>> ListAudit(const AuditQuery& query) = 0;

  virtual absl::StatusOr<std::optional<ApiToken>> FindApiToken(absl::string_view hash) = 0;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_CORE_STORE_H_
