// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_AUDIT_SERVICE_H_
#define CRONIUM_CONTROLLER_API_AUDIT_SERVICE_H_

#include "controller/api/call.h"
#include "cronium/v1/audit_service.grpc.pb.h"

namespace cronium::controller {

// Thread-safe.
class AuditServiceImpl : public v1::AuditService::CallbackService {
 public:
  explicit AuditServiceImpl(const Services* services) : services_(*services) {}

  grpc::ServerUnaryReactor* ListAuditRecords(grpc::CallbackServerContext* context,
                                             const v1::ListAuditRecordsRequest* request,
                                             v1::ListAuditRecordsResponse* response) override;

 private:
  const Services& services_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_AUDIT_SERVICE_H_
