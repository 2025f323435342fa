// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_JOB_SERVICE_H_
#define CRONIUM_CONTROLLER_API_JOB_SERVICE_H_

#include "controller/api/call.h"
#include "cronium/v1/job_service.grpc.pb.h"

namespace cronium::controller {

// Thread-safe.
class JobServiceImpl : public v1::JobService::CallbackService {
 public:
  explicit JobServiceImpl(const Services* services) : services_(*services) {}

  grpc::ServerUnaryReactor* CreateJob(grpc::CallbackServerContext* context,
                                      const v1::CreateJobRequest* request,
                                      v1::CreateJobResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const v1::GetJobRequest* request,
                                   v1::GetJobResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const v1::CancelJobRequest* request,
                                      v1::CancelJobResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchJobsResponse>* WatchJobs(
      grpc::CallbackServerContext* context, const v1::WatchJobsRequest* request) override;
  grpc::ServerUnaryReactor* GetJobResult(grpc::CallbackServerContext* context,
                                         const v1::GetJobResultRequest* request,
                                         v1::GetJobResultResponse* response) override;
  grpc::ServerWriteReactor<v1::FollowLogsResponse>* FollowLogs(
      grpc::CallbackServerContext* context, const v1::FollowLogsRequest* request) override;

 private:
  const Services& services_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_JOB_SERVICE_H_
