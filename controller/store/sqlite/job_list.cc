// SPDX-License-Identifier: Apache-2.0
#include "controller/store/sqlite/job_list.h"

#include <sqlite3.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/store/sqlite/rows.h"

namespace cronium::controller::sqlite {
namespace {

// About a second of SQLite's machine, half a million rows looked at.
constexpr int64_t kMaxSteps = 50'000'000;

bool IsLive(v1::JobState state) { return state < v1::JOB_STATE_SUCCEEDED; }

// A label's rows have the order of the list, and most jobs with a label of interest have ended; so
// a live state, of which there are few jobs, is the better index, and an end state the worse one.
bool ByLabel(const JobQuery& query) {
  return !query.labels.empty() && !(query.state.has_value() && IsLive(*query.state));
}

std::string JobsIndex(const JobQuery& query) {
  if (query.state.has_value() && IsLive(*query.state)) return "jobs_by_state";
  if (query.node.has_value()) return "jobs_by_node";
  return query.state.has_value() ? "jobs_by_state" : "jobs_by_time";
}

// The text depends only on which filters there are; Bind follows its order.
std::string Sql(const JobQuery& query) {
  const bool by_label = ByLabel(query);
  // The table whose index gives the order.
  const char* order = by_label ? "l" : "j";
  std::string sql = "SELECT j.job, s.spec FROM ";
  if (by_label) {
    // CROSS JOIN keeps the order of the tables.
    absl::StrAppend(&sql, "job_labels l CROSS JOIN jobs j ON j.pk = l.job");
  } else {
    absl::StrAppend(&sql, "jobs j INDEXED BY ", JobsIndex(query));
  }
  absl::StrAppend(&sql, " CROSS JOIN job_specs s ON s.job = j.pk WHERE ", order, ".namespace = ?");
  if (by_label) absl::StrAppend(&sql, " AND l.key = ? AND l.value = ?");
  for (size_t i = by_label ? 1 : 0; i < query.labels.size(); ++i) {
    absl::StrAppend(&sql,
                    " AND EXISTS (SELECT 1 FROM job_labels o WHERE o.namespace = j.namespace"
                    " AND o.key = ? AND o.value = ? AND o.create_time_ns = j.create_time_ns"
                    " AND o.id = j.id)");
  }
  if (query.state.has_value()) absl::StrAppend(&sql, " AND j.state = ?");
  if (query.node.has_value()) absl::StrAppend(&sql, " AND j.node = ? AND j.node <> ''");
  if (query.before.has_value()) {
    absl::StrAppend(&sql, " AND (", order, ".create_time_ns, ", order, ".id) < (?, ?)");
  }
  absl::StrAppend(&sql, " ORDER BY ", order, ".create_time_ns DESC, ", order, ".id DESC");
  return sql;
}

absl::StatusOr<Page<v1::Job>> ReadPage(Connection& connection, const JobQuery& query) {
  Query rows(connection, Sql(query));
  rows.Bind(query.name_space);
  for (const auto& [key, value] : query.labels) {
    rows.Bind(key);
    rows.Bind(value);
  }
  if (query.state.has_value()) rows.Bind(static_cast<int>(*query.state));
  if (query.node.has_value()) rows.Bind(*query.node);
  if (query.before.has_value()) {
    rows.Bind(query.before->create_time_ns);
    rows.Bind(query.before->job_id);
  }
  Page<v1::Job> page;
  int64_t bytes = 0;
  while (rows.Step()) {
    const absl::string_view job = rows.Bytes(0);
    const int64_t job_bytes = job.size();
    if (static_cast<int>(page.items.size()) >= std::max(query.limit, 1)) {
      page.more = true;
      break;
    }
    v1::Job& out = page.items.emplace_back();
    if (auto status = ParseRow(job, "job", &out); !status.ok()) return status;
    const absl::string_view spec = rows.Bytes(1);
    bytes += job_bytes + static_cast<int64_t>(spec.size());
    if (bytes > query.max_bytes && page.items.size() > 1) {
      page.items.pop_back();
      page.more = true;
      break;
    }
    if (auto status = ParseRow(spec, "job's spec", out.mutable_spec()); !status.ok()) return status;
  }
  return page;
}

}  // namespace

absl::StatusOr<Page<v1::Job>> ListJobs(Connection& connection, const JobQuery& query) {
  // A job without a node has none of that name, and the index holds only those with one.
  if (query.node.has_value() && query.node->empty()) return Page<v1::Job>();
  const StepLimit limit(connection, kMaxSteps);
  try {
    return ReadPage(connection, query);
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() != SQLITE_INTERRUPT) throw;
    return MakeError(absl::StatusCode::kResourceExhausted, "LISTING_TOO_BROAD",
                     "filter: too few of too many jobs fit it; ask for another label or a state "
                     "of which there are fewer");
  }
}

}  // namespace cronium::controller::sqlite
