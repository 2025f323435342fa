// SPDX-License-Identifier: Apache-2.0
#include "controller/api/job_service.h"

#include <google/protobuf/util/message_differencer.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/error.h"
#include "controller/api/job_filter.h"
#include "controller/api/job_watcher.h"
#include "controller/api/log_follower.h"
#include "controller/api/page_token.h"
#include "controller/api/presenter.h"
#include "controller/api/result_reader.h"
#include "controller/core/lifecycle.h"
#include "controller/core/spec.h"

namespace cronium::controller {
namespace {

constexpr int kDefaultJobsPage = 50;
constexpr int kMaxWatchedJobs = 1000;
constexpr size_t kMaxRequestIdBytes = 128;
constexpr size_t kMaxCancelReasonBytes = 256;

absl::Status BadField(absl::string_view field, absl::string_view what) {
  Violations violations;
  violations.Add(field, what);
  return violations.ToStatus();
}

// The job, if the caller may see it.
absl::StatusOr<v1::Job> FindJob(const Services& services, const Caller& caller,
                                const std::string& job_id) {
  if (!IsId(job_id, kJobIdPrefix)) {
    return BadField("job_id", absl::StrCat("\"", job_id,
                                           "\" is not the id of a job (job_ and 12 "
                                           "letters or digits)"));
  }
  absl::StatusOr<v1::Job> job = services.store->GetJob(job_id);
  if (!job.ok()) return job;
  if (absl::Status status = caller.MayUse(job->namespace_()); !status.ok()) return status;
  return job;
}

// Whether a request that repeats a request_id asks for the same thing.
absl::Status CheckSameRequest(const v1::JobSpec& asked, const v1::Job& job) {
  if (google::protobuf::util::MessageDifferencer::Equals(asked, job.spec())) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED",
                   absl::StrCat("request_id \"", job.request_id(), "\" was used for job ", job.id(),
                                " with another spec"),
                   {{"job_id", job.id()}, {"request_id", job.request_id()}});
}

// Where a list goes on, in a page token: the time too, so that the list goes on where retention has
// removed the job meanwhile.
std::string FormatPosition(const v1::Job& job) {
  const JobPosition position = PositionOf(job);
  return absl::StrCat(position.create_time_ns, "/", position.job_id);
}

std::optional<JobPosition> ParsePosition(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  JobPosition position;
  if (!absl::SimpleAtoi(parts.first, &position.create_time_ns)) return std::nullopt;
  position.job_id = std::string(parts.second);
  return position;
}

// Whose entry FollowLogsRequest.after_seq is must be known, or be clear.
absl::Status CheckLogPosition(const Services& services, const v1::Job& job,
                              const v1::FollowLogsRequest& request) {
  for (const auto& [field, id] :
       {std::make_pair("execution_id", request.execution_id()),
        std::make_pair("after_execution_id", request.after_execution_id())}) {
    if (id.empty()) continue;
    absl::StatusOr<v1::Execution> execution = services.store->GetExecution(id);
    if (!execution.ok()) return execution.status();
    if (execution->job_id() != job.id()) {
      return BadField(field, absl::StrCat("is an execution of job ", execution->job_id(),
                                          ", not of ", job.id()));
    }
  }
  const bool goes_on = request.after_seq() > 0 || !request.after_execution_id().empty();
  if (request.tail() > 0 && goes_on) {
    return BadField("tail", "cannot be used together with after_seq");
  }
  if (!request.execution_id().empty() && !request.after_execution_id().empty() &&
      request.execution_id() != request.after_execution_id()) {
    return BadField("after_execution_id", "is another one than execution_id");
  }
  if (goes_on && request.execution_id().empty() && request.after_execution_id().empty() &&
      job.attempt() > 1) {
    return BadField("after_execution_id",
                    absl::StrCat("is needed: job ", job.id(), " has had ", job.attempt(),
                                 " attempts, and after_seq is an entry of only one of them; give "
                                 "the execution_id that came with it"));
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* JobServiceImpl::CreateJob(grpc::CallbackServerContext* context,
                                                    const v1::CreateJobRequest* request,
                                                    v1::CreateJobResponse* response) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    absl::StatusOr<std::string> name_space = ResolveNamespace(caller, request->namespace_());
    if (!name_space.ok()) return done(name_space.status());
    if (request->request_id().size() > kMaxRequestIdBytes) {
      return done(BadField("request_id",
                           absl::StrCat("has ", request->request_id().size(), " bytes; at most ",
                                        kMaxRequestIdBytes, " are allowed")));
    }
    if (absl::Status status = ValidateSpec(request->spec(), "spec"); !status.ok()) {
      return done(status);
    }
    v1::Job job;
    *job.mutable_spec() = request->spec();
    FillSpecDefaults(job.mutable_spec());
    if (!request->request_id().empty()) {
      absl::StatusOr<std::optional<v1::Job>> earlier =
          services_.store->FindJobByRequestId(*name_space, request->request_id());
      if (!earlier.ok()) return done(earlier.status());
      if (earlier->has_value()) {
        const absl::Status same = CheckSameRequest(job.spec(), **earlier);
        if (same.ok()) *response->mutable_job() = **std::move(earlier);
        return done(same);
      }
    }
    // Here rather than in the core, whose answers come by way of the disk.
    if (absl::Status status = services_.may_accept_jobs(); !status.ok()) return done(status);
    job.set_id(services_.ids->NewId(kJobIdPrefix));
    job.set_namespace_(*name_space);
    job.set_request_id(request->request_id());
    job.set_creator(caller.name);
    services_.core->Post(SubmitJob{std::move(job)},
                         [response, done](absl::StatusOr<v1::Job> accepted) {
                           if (accepted.ok()) *response->mutable_job() = *std::move(accepted);
                           done(accepted.status());
                         });
  };
  return HandleCall(services_, "/cronium.v1.JobService/CreateJob", context, handler);
}

grpc::ServerUnaryReactor* JobServiceImpl::GetJob(grpc::CallbackServerContext* context,
                                                 const v1::GetJobRequest* request,
                                                 v1::GetJobResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    absl::StatusOr<v1::Job> job = FindJob(services_, caller, request->job_id());
    if (!job.ok()) return job.status();
    PresentJob(services_, &*job);
    *response->mutable_job() = *std::move(job);
    if (!request->include_executions()) return absl::OkStatus();
    absl::StatusOr<std::vector<v1::Execution>> executions =
        services_.store->ListExecutions(request->job_id());
    if (!executions.ok()) return executions.status();
    for (v1::Execution& execution : *executions) {
      PresentExecution(services_, &execution);
      *response->add_executions() = std::move(execution);
    }
    return absl::OkStatus();
  };
  return HandleSimpleCall(services_, "/cronium.v1.JobService/GetJob", context, handler);
}

grpc::ServerUnaryReactor* JobServiceImpl::ListJobs(grpc::CallbackServerContext* context,
                                                   const v1::ListJobsRequest* request,
                                                   v1::ListJobsResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    absl::StatusOr<std::string> name_space = ResolveNamespace(caller, request->namespace_());
    if (!name_space.ok()) return name_space.status();
    absl::StatusOr<int> page_size = ResolvePageSize(request->page_size(), kDefaultJobsPage);
    if (!page_size.ok()) return page_size.status();
    JobQuery query;
    query.name_space = *name_space;
    if (absl::Status status = ParseJobFilter(request->filter(), &query); !status.ok()) {
      return status;
    }
    const std::string list = absl::StrCat("jobs/", *name_space, "/", request->filter());
    absl::StatusOr<std::string> before = ReadPageToken(list, request->page_token());
    if (!before.ok()) return before.status();
    if (!before->empty()) {
      query.before = ParsePosition(*before);
      if (!query.before.has_value()) return NotAPageToken();
    }
    query.limit = *page_size;
    absl::StatusOr<Page<v1::Job>> page = services_.store->ListJobs(query);
    if (!page.ok()) return page.status();
    if (page->more) {
      response->set_next_page_token(MakePageToken(list, FormatPosition(page->items.back())));
    }
    for (v1::Job& job : page->items) {
      PresentJob(services_, &job);
      // A page of scripts and bodies would be large; GetJob has them.
      if (job.spec().has_http()) {
        job.mutable_spec()->mutable_http()->clear_body();
      } else {
        job.mutable_spec()->mutable_container()->mutable_script()->clear_content();
      }
      job.mutable_spec()->clear_input_json();
      *response->add_jobs() = std::move(job);
    }
    return absl::OkStatus();
  };
  return HandleSimpleCall(services_, "/cronium.v1.JobService/ListJobs", context, handler);
}

grpc::ServerUnaryReactor* JobServiceImpl::CancelJob(grpc::CallbackServerContext* context,
                                                    const v1::CancelJobRequest* request,
                                                    v1::CancelJobResponse* response) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    if (request->reason().size() > kMaxCancelReasonBytes) {
      return done(
          BadField("reason", absl::StrCat("has ", request->reason().size(), " bytes; at most ",
                                          kMaxCancelReasonBytes, " are allowed")));
    }
    absl::StatusOr<v1::Job> job = FindJob(services_, caller, request->job_id());
    if (!job.ok()) return done(job.status());
    services_.core->Post(cronium::controller::CancelJob{request->job_id(), request->reason()},
                         [this, request, response, done](absl::StatusOr<v1::Job> answer) {
                           // Not live means ended: what is stored is the answer.
                           if (absl::IsNotFound(answer.status()))
                             answer = services_.store->GetJob(request->job_id());
                           if (answer.ok()) *response->mutable_job() = *std::move(answer);
                           done(answer.status());
                         });
  };
  return HandleCall(services_, "/cronium.v1.JobService/CancelJob", context, handler);
}

grpc::ServerUnaryReactor* JobServiceImpl::GetJobResult(grpc::CallbackServerContext* context,
                                                       const v1::GetJobResultRequest* request,
                                                       v1::GetJobResultResponse* response) {
  const auto handler = [&](const Caller& caller, const Done& done) {
    absl::StatusOr<v1::Job> job = FindJob(services_, caller, request->job_id());
    if (!job.ok()) return done(job.status());
    if (!IsEnded(job->state())) {
      return done(MakeError(absl::StatusCode::kFailedPrecondition, "JOB_NOT_ENDED",
                            absl::StrCat("job ", job->id(), " is ", ShortName(job->state()),
                                         "; its result is there once it ended"),
                            {{"job_id", job->id()}, {"state", ShortName(job->state())}}));
    }
    const bool taken = services_.executor->Run([this, response, done, job = *std::move(job)] {
      absl::StatusOr<v1::JobResult> result = ReadJobResult(services_, job);
      if (result.ok()) *response->mutable_result() = *std::move(result);
      done(result.status());
    });
    if (!taken) done(absl::UnavailableError("the controller is stopping"));
  };
  return HandleCall(services_, "/cronium.v1.JobService/GetJobResult", context, handler);
}

grpc::ServerWriteReactor<v1::WatchJobsResponse>* JobServiceImpl::WatchJobs(
    grpc::CallbackServerContext* context, const v1::WatchJobsRequest* request) {
  using Refused = RefusedStream<grpc::ServerWriteReactor<v1::WatchJobsResponse>>;
  absl::StatusOr<Caller> caller =
      Authenticate(services_, "/cronium.v1.JobService/WatchJobs", context);
  if (!caller.ok()) return new Refused(caller.status());
  absl::StatusOr<std::string> name_space = ResolveNamespace(*caller, request->namespace_());
  if (!name_space.ok()) return new Refused(name_space.status());
  if (request->job_ids_size() > kMaxWatchedJobs) {
    return new Refused(
        BadField("job_ids", absl::StrCat("names ", request->job_ids_size(), " jobs; at most ",
                                         kMaxWatchedJobs, " are allowed")));
  }
  for (const std::string& id : request->job_ids()) {
    absl::StatusOr<v1::Job> job = FindJob(services_, *caller, id);
    if (!job.ok()) return new Refused(job.status());
  }
  if (request->has_ended_since() && request->job_ids_size() > 0) {
    return new Refused(BadField("ended_since",
                                "cannot be used together with job_ids, whose present state comes "
                                "first in any case"));
  }
  return StartJobWatcher(services_, *std::move(name_space), *request);
}

grpc::ServerWriteReactor<v1::FollowLogsResponse>* JobServiceImpl::FollowLogs(
    grpc::CallbackServerContext* context, const v1::FollowLogsRequest* request) {
  using Refused = RefusedStream<grpc::ServerWriteReactor<v1::FollowLogsResponse>>;
  absl::StatusOr<Caller> caller =
      Authenticate(services_, "/cronium.v1.JobService/FollowLogs", context);
  if (!caller.ok()) return new Refused(caller.status());
  absl::StatusOr<v1::Job> job = FindJob(services_, *caller, request->job_id());
  if (!job.ok()) return new Refused(job.status());
  if (absl::Status status = CheckLogPosition(services_, *job, *request); !status.ok()) {
    return new Refused(status);
  }
  for (const int stream : request->streams()) {
    if (stream != v1::LOG_STREAM_STDOUT && stream != v1::LOG_STREAM_STDERR) {
      return new Refused(
          BadField("streams", absl::StrCat(stream, " is neither stdout nor stderr")));
    }
  }
  return StartLogFollower(services_, *job, *request);
}

}  // namespace cronium::controller
