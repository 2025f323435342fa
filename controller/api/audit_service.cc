// SPDX-License-Identifier: Apache-2.0
#include "controller/api/audit_service.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/proto_time.h"
#include "controller/api/page_token.h"

namespace cronium::controller {
namespace {

absl::Status ListAudit(const Services& services, const Caller& caller,
                       const v1::ListAuditRecordsRequest& request,
                       v1::ListAuditRecordsResponse* response) {
  AuditQuery query;
  query.name_space = caller.name_space;
  if (!request.namespace_().empty()) {
    absl::StatusOr<std::string> name_space = ResolveNamespace(caller, request.namespace_());
    if (!name_space.ok()) return name_space.status();
    query.name_space = *std::move(name_space);
  }
  query.job_id = request.job_id();
  if (request.has_since()) query.since = ToTime(request.since());
  if (request.has_until()) query.until = ToTime(request.until());
  absl::StatusOr<int> size = ResolvePageSize(request.page_size());
  if (!size.ok()) return size.status();
  query.limit = *size;
  const std::string list =
      absl::StrCat("audit/", query.name_space, "/", query.job_id, "/",
                   request.since().ShortDebugString(), "/", request.until().ShortDebugString());
  absl::StatusOr<std::string> before = ReadPageToken(list, request.page_token());
  if (!before.ok()) return before.status();
  if (!before->empty() && !absl::SimpleAtoi(*before, &query.before_id)) {
    return absl::InvalidArgumentError("page_token: is none of this list");
  }
  absl::StatusOr<Page<v1::AuditRecord>> page = services.store->ListAudit(query);
  if (!page.ok()) return page.status();
  if (page->more) {
    response->set_next_page_token(MakePageToken(list, absl::StrCat(page->items.back().id())));
  }
  for (v1::AuditRecord& record : page->items) *response->add_records() = std::move(record);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* AuditServiceImpl::ListAuditRecords(
    grpc::CallbackServerContext* context, const v1::ListAuditRecordsRequest* request,
    v1::ListAuditRecordsResponse* response) {
  const auto handler = [&](const Caller& caller) -> absl::Status {
    return ListAudit(services_, caller, *request, response);
  };
  return HandleSimpleCall(services_, "/cronium.v1.AuditService/ListAuditRecords", context, handler);
}

}  // namespace cronium::controller
