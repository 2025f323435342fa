// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/grpc_log.h"

#include <grpc/support/log.h>

#include "absl/strings/match.h"
#include "common/log.h"

namespace cronium {
namespace {

void ForwardLine(gpr_log_func_args* args) {
  const absl::string_view message = args->message;
  const bool handshake = absl::StrContains(message, "andshake");
  if (handshake && !absl::StrContains(message, "Socket closed")) {
    LogWarning("TLS handshake failed", {{"reason", message}});
    return;
  }
  Log(args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug, "grpc",
      {{"detail", message}});
}

}  // namespace

void RouteGrpcLog() {
  gpr_set_log_function(ForwardLine);
  // Handshake failures are logged at info by the security connector and at error by the handshaker.
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_INFO);
}

}  // namespace cronium
