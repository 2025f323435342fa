// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_API_CALL_H_
#define CRONIUM_CONTROLLER_API_CALL_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/clock.h"
#include "common/executor.h"
#include "common/rpc/status.h"
#include "controller/auth/authenticator.h"
#include "controller/core/core_thread.h"
#include "controller/core/store.h"
#include "controller/logs/log_store.h"

// What every service method goes through.
namespace cronium::controller {

class JobFeed;
class Sealer;
class SessionHub;
class ToolActions;

// What the services work on. Everything is borrowed and outlives the server.
struct Services {
  const Clock* clock;
  IdSource* ids;
  Store* store;
  LogStore* logs;
  CoreThread* core;
  CommitFunction commit;
  const Authenticator* authenticator;
  ExecutionTokens* tokens;
  const LiveExecutions* live;
  JobFeed* feed;
  SessionHub* hub;
  const Sealer* sealer;
  ToolActions* actions;
  AuditLimits audit;
  // For reads that may wait for the disk.
  Executor* executor;
  // OK, or why no new job can be taken now (DISK_FULL).
  std::function<absl::Status()> may_accept_jobs;
};

// Who calls, from the call's certificate and metadata.
absl::StatusOr<Caller> Authenticate(const Services& services, absl::string_view method,
                                    grpc::CallbackServerContext* context);

// The namespace meant by a request: `default` where it is empty. INVALID_ARGUMENT or
// PERMISSION_DENIED.
absl::StatusOr<std::string> ResolveNamespace(const Caller& caller, const std::string& requested);

// A page size within 1..1000, or the default where it is 0. INVALID_ARGUMENT.
inline constexpr int kDefaultPageSize = 100;
absl::StatusOr<int> ResolvePageSize(int requested, int default_size = kDefaultPageSize);

// Answers a unary call at once or later. Copyable; call it exactly once.
using Done = std::function<void(const absl::Status&)>;

// Authenticates, then runs handler(caller, done) on the gRPC thread. Requests and responses live
// until done was called.
template <typename Handler>
grpc::ServerUnaryReactor* HandleCall(const Services& services, absl::string_view method,
                                     grpc::CallbackServerContext* context, Handler handler) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  absl::StatusOr<Caller> caller = Authenticate(services, method, context);
  if (!caller.ok()) {
    reactor->Finish(ToGrpcStatus(caller.status()));
    return reactor;
  }
  handler(*std::move(caller),
          [reactor](const absl::Status& status) { reactor->Finish(ToGrpcStatus(status)); });
  return reactor;
}

// The same for a handler that answers by returning a status.
template <typename Handler>
grpc::ServerUnaryReactor* HandleSimpleCall(const Services& services, absl::string_view method,
                                           grpc::CallbackServerContext* context, Handler handler) {
  return HandleCall(services, method, context,
                    [&handler](const Caller& caller, const Done& done) { done(handler(caller)); });
}

// A stream that only ends: what a refused streaming call gets.
template <typename Reactor>
class RefusedStream : public Reactor {
 public:
  explicit RefusedStream(const absl::Status& status) { this->Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_API_CALL_H_
