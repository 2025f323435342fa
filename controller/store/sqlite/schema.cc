// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite/migrations.h"

namespace cronium::controller::sqlite {
namespace {

// What queries ask for has a column; the rest of each message is in its blob. States below 50 are
// the live ones (job.proto), and partial indexes keep just those together. Where rows can be large
// the table has an integer key, since SQLite writes large rows faster then (1.7 times at 64 KiB).
constexpr char kVersion1[] = R"sql(
CREATE TABLE jobs(
  pk INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  namespace TEXT NOT NULL,
  state INTEGER NOT NULL,
  node TEXT NOT NULL,
  create_time_ns INTEGER NOT NULL,
  request_id TEXT,
  -- cronium.v1.Job without spec
  job BLOB NOT NULL
);
CREATE UNIQUE INDEX jobs_by_request ON jobs(namespace, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX jobs_by_time ON jobs(namespace, create_time_ns, id);
CREATE INDEX jobs_by_state ON jobs(namespace, state, create_time_ns, id);
CREATE INDEX jobs_by_node ON jobs(namespace, node, create_time_ns, id) WHERE node <> '';
CREATE INDEX jobs_live ON jobs(create_time_ns, id) WHERE state < 50;

-- cronium.v1.JobSpec, written once
CREATE TABLE job_specs(
  job INTEGER PRIMARY KEY REFERENCES jobs(pk) ON DELETE CASCADE,
  spec BLOB NOT NULL
);

-- Has the order of lists in its key, so that a page of a label's jobs is one range of it.
CREATE TABLE job_labels(
  namespace TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  create_time_ns INTEGER NOT NULL,
  id TEXT NOT NULL,
  job INTEGER NOT NULL REFERENCES jobs(pk) ON DELETE CASCADE,
  PRIMARY KEY(namespace, key, value, create_time_ns, id)
) WITHOUT ROWID;
CREATE INDEX job_labels_by_job ON job_labels(job);

CREATE TABLE executions(
  pk INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  job INTEGER NOT NULL REFERENCES jobs(pk) ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  state INTEGER NOT NULL,
  -- cronium.v1.Execution without output_json
  execution BLOB NOT NULL
);
CREATE INDEX executions_by_job ON executions(job, attempt);
CREATE INDEX executions_live ON executions(job) WHERE state < 50;

CREATE TABLE execution_outputs(
  execution INTEGER PRIMARY KEY REFERENCES executions(pk) ON DELETE CASCADE,
  output_json BLOB NOT NULL
);

CREATE TABLE nodes(
  name TEXT PRIMARY KEY,
  -- cronium.v1.Node
  node BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE variables(
  pk INTEGER PRIMARY KEY,
  namespace TEXT NOT NULL,
  key TEXT NOT NULL,
  revision INTEGER NOT NULL,
  -- cronium.v1.Variable without value_json and etag
  variable BLOB NOT NULL,
  value_json BLOB NOT NULL
);
CREATE UNIQUE INDEX variables_by_key ON variables(namespace, key);

-- Numbers that only grow, and outlive what they were given to.
CREATE TABLE counters(
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters VALUES ('variable_revision', 0);

CREATE TABLE api_tokens(
  -- SHA-256, hex
  hash TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  create_time_ns INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

// What scripts' calls leave, so that a repeated one changes nothing twice; and the conditions that
// they set, which change without their execution's row.
constexpr char kVersion2[] = R"sql(
CREATE TABLE idempotency_records(
  pk INTEGER PRIMARY KEY,
  execution INTEGER NOT NULL REFERENCES executions(pk) ON DELETE CASCADE,
  key TEXT NOT NULL,
  -- SHA-256 of what was asked for
  digest BLOB NOT NULL,
  -- 0 where an effect outside of the database was begun, and is not known to have happened
  done INTEGER NOT NULL,
  result BLOB NOT NULL,
  create_time_ns INTEGER NOT NULL
);
CREATE UNIQUE INDEX idempotency_by_key ON idempotency_records(execution, key);
CREATE INDEX idempotency_by_age ON idempotency_records(execution, create_time_ns) WHERE done;

-- Executions that have any.
CREATE TABLE idempotency_holders(
  execution INTEGER PRIMARY KEY REFERENCES executions(pk) ON DELETE CASCADE,
  held INTEGER NOT NULL,
  end_time_ns INTEGER
);
CREATE INDEX idempotency_ended ON idempotency_holders(end_time_ns) WHERE end_time_ns IS NOT NULL;

CREATE TABLE execution_conditions(
  execution INTEGER PRIMARY KEY REFERENCES executions(pk) ON DELETE CASCADE,
  condition INTEGER NOT NULL
);
)sql";

// Credentials of tool actions, and who did what with them.
constexpr char kVersion3[] = R"sql(
CREATE TABLE credentials(
  name TEXT PRIMARY KEY,
  kind INTEGER NOT NULL,
  -- cronium.v1.Credential without etag and last_use_time
  credential BLOB NOT NULL,
  -- cronium.v1.CredentialSecret, sealed with a key that is not in the database
  sealed BLOB NOT NULL,
  revision INTEGER NOT NULL,
  last_use_ns INTEGER
);
CREATE TABLE credential_grants(
  credential TEXT NOT NULL,
  namespace TEXT NOT NULL,
  PRIMARY KEY(credential, namespace)
) WITHOUT ROWID;

CREATE TABLE audit_records(
  -- Never given again, so that who reads on by it misses nothing.
  pk INTEGER PRIMARY KEY AUTOINCREMENT,
  time_ns INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  job TEXT NOT NULL,
  -- cronium.v1.AuditRecord without id
  record BLOB NOT NULL
);
CREATE INDEX audit_by_time ON audit_records(time_ns);
CREATE INDEX audit_by_namespace ON audit_records(namespace, pk);
CREATE INDEX audit_by_job ON audit_records(job, pk) WHERE job <> '';
)sql";

// For retention. Jobs that had ended before count as ended now: their own time is in their blobs.
// bytes: of spec and outputs.
constexpr char kVersion4[] = R"sql(
ALTER TABLE jobs ADD COLUMN end_time_ns INTEGER;
ALTER TABLE jobs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET
  end_time_ns = CASE WHEN state >= 50 THEN strftime('%s', 'now') * 1000000000 END,
  bytes = (SELECT length(s.spec) FROM job_specs s WHERE s.job = jobs.pk) +
          (SELECT coalesce(sum(length(o.output_json)), 0) FROM executions e
           JOIN execution_outputs o ON o.execution = e.pk WHERE e.job = jobs.pk);
-- Whatever a sweep asks for is in it.
CREATE INDEX jobs_ended ON jobs(namespace, end_time_ns, bytes) WHERE end_time_ns IS NOT NULL;
)sql";

constexpr Migration kMigrations[] = {
    {1, kVersion1}, {2, kVersion2}, {3, kVersion3}, {4, kVersion4}};

}  // namespace

absl::Span<const Migration> Schema() { return kMigrations; }

}  // namespace cronium::controller::sqlite
