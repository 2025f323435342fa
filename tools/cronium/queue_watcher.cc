// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/queue_watcher.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/cronium/format.h"
#include "tools/cronium/views.h"

namespace cronium::cli {

QueueWatcher::QueueWatcher(Client* client, Streams* streams, const v1::Job& job,
                           absl::Duration patience)
    : client_(client),
      streams_(streams),
      name_space_(job.namespace_()),
      job_id_(job.id()),
      thread_([this, patience] { Run(patience); }) {}

QueueWatcher::~QueueWatcher() {
  stop_.Cancel();
  thread_.join();
}

void QueueWatcher::Run(absl::Duration patience) {
  if (!stop_.Pause(patience)) return;
  v1::WatchJobsRequest request;
  request.set_namespace_(name_space_);
  request.add_job_ids(job_id_);
  std::string told;
  // A stream that breaks is not opened again: the log's own says that contact is lost, and why a
  // job waits is a comfort only.
  client_
      ->WatchJobs(request, &stop_,
                  [&](const v1::WatchJobsResponse& response) {
                    const v1::Job& job = response.job();
                    if (job.state() != v1::JOB_STATE_QUEUED) {
                      if (!told.empty() && !IsEnded(job.state())) {
                        streams_->Notice(absl::StrCat(job_id_, " runs on ", Printable(job.node())));
                      }
                      return absl::CancelledError("left the queue");
                    }
                    const std::string why = WhyOf(job);
                    if (!why.empty() && why != told) {
                      told = why;
                      streams_->Notice(absl::StrCat(job_id_, " waits: ", Printable(why)));
                    }
                    return absl::OkStatus();
                  })
      .IgnoreError();
}

}  // namespace cronium::cli
