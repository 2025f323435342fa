// SPDX-License-Identifier: Apache-2.0
#include "controller/retention/collector.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"

namespace cronium::controller {
namespace {

constexpr absl::Duration kHour = absl::Hours(1);
// After the end of its hour a partition is left alone for so long: for assignments that are on
// their way, and for clocks that are set back.
constexpr absl::Duration kRest = absl::Hours(1);

// Whether an execution of a job that lives was assigned in the partition's hour.
bool IsHeld(const LogPartition& partition, const LogHolders& holders) {
  return std::any_of(holders.live.begin(), holders.live.end(), [&](absl::Time assigned) {
    return assigned >= partition.hour && assigned < partition.hour + kHour;
  });
}

}  // namespace

absl::Status Collector::Sweep(Collected* collected) {
  absl::StatusOr<std::vector<LogPartition>> partitions = logs_->ListPartitions();
  if (!partitions.ok()) return partitions.status();
  absl::StatusOr<std::vector<std::string>> with_jobs = store_->ListNamespaces();
  if (!with_jobs.ok()) return with_jobs.status();
  std::map<std::string, std::vector<LogPartition>> by_namespace;
  for (const std::string& name_space : *with_jobs) by_namespace[name_space];
  for (LogPartition& partition : *partitions) {
    by_namespace[partition.name_space].push_back(std::move(partition));
  }
  for (auto& [name_space, logs] : by_namespace) {
    const Collected before = *collected;
    absl::Status status = SweepJobs(name_space, collected);
    status.Update(SweepLogs(name_space, std::move(logs), collected));
    if (collected->jobs > before.jobs || collected->log_hours > before.log_hours) {
      LogInfo("retention removed what is past its limits",
              {{"namespace", name_space},
               {"jobs", collected->jobs - before.jobs},
               {"job_bytes", collected->job_bytes - before.job_bytes},
               {"log_hours", collected->log_hours - before.log_hours},
               {"log_bytes", collected->log_bytes - before.log_bytes}});
    }
    if (!status.ok()) return status;
  }
  return Reclaim(collected);
}

absl::Status Collector::SweepJobs(const std::string& name_space, Collected* collected) {
  const RetentionLimits& limits = policy_.LimitsOf(name_space);
  const absl::StatusOr<EndedJobsUsage> usage = store_->GetEndedJobsUsage(name_space);
  if (!usage.ok()) return usage.status();
  int64_t jobs_left = usage->jobs;
  int64_t bytes_left = usage->bytes;
  const absl::Time too_old = clock_->Now() - limits.job_age;
  std::string first_of_last_batch;
  while (!stopped_) {
    absl::StatusOr<std::vector<EndedJob>> oldest = store_->ListEndedJobs(name_space, kBatchJobs);
    if (!oldest.ok()) return oldest.status();
    CollectJobs batch;
    int64_t batch_bytes = 0;
    for (EndedJob& job : *oldest) {
      if (job.end_time >= too_old && jobs_left <= limits.jobs && bytes_left <= limits.job_bytes) {
        break;
      }
      --jobs_left;
      bytes_left -= job.bytes;
      batch_bytes += job.bytes;
      batch.jobs.push_back({std::move(job.id), name_space, std::move(job.request_id)});
    }
    if (batch.jobs.empty()) return absl::OkStatus();
    if (batch.jobs.front().job_id == first_of_last_batch) {
      return absl::InternalError(
          absl::StrCat("job ", first_of_last_batch, " has ended and could not be deleted"));
    }
    first_of_last_batch = batch.jobs.front().job_id;
    const int64_t batch_jobs = static_cast<int64_t>(batch.jobs.size());
    if (absl::Status status = actions_.collect_jobs(std::move(batch)); !status.ok()) return status;
    collected->jobs += batch_jobs;
    collected->job_bytes += batch_bytes;
    if (batch_jobs < kBatchJobs) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status Collector::SweepLogs(const std::string& name_space,
                                  std::vector<LogPartition> partitions, Collected* collected) {
  if (partitions.empty()) return absl::OkStatus();
  const RetentionLimits& limits = policy_.LimitsOf(name_space);
  const absl::Time now = clock_->Now();
  int64_t bytes_left = 0;
  for (const LogPartition& partition : partitions) bytes_left += partition.disk_bytes;
  const absl::StatusOr<LogHolders> holders = store_->GetLogHolders(name_space);
  if (!holders.ok()) return holders.status();
  for (const LogPartition& partition : partitions) {
    if (stopped_) break;
    const absl::Time end = partition.hour + kHour;
    if (end + kRest > now) break;
    const bool is_old = end < now - limits.log_age;
    const bool no_job_left = !holders->oldest_job.has_value() || *holders->oldest_job >= end;
    if (!is_old && !no_job_left && bytes_left <= limits.log_bytes) continue;
    if (IsHeld(partition, *holders)) continue;
    if (absl::Status status = logs_->RemovePartition(partition); !status.ok()) return status;
    bytes_left -= partition.disk_bytes;
    ++collected->log_hours;
    collected->log_bytes += partition.disk_bytes;
  }
  return absl::OkStatus();
}

absl::Status Collector::Reclaim(Collected* collected) {
  while (!stopped_) {
    const absl::StatusOr<int64_t> unused = store_->GetUnusedBytes();
    if (!unused.ok()) return unused.status();
    if (*unused <= kKeptUnusedBytes) return absl::OkStatus();
    const int64_t step = std::min(kReclaimStepBytes, *unused - kKeptUnusedBytes);
    if (absl::Status status = actions_.reclaim({step}); !status.ok()) return status;
    collected->reclaimed_bytes += step;
  }
  return absl::OkStatus();
}

}  // namespace cronium::controller
