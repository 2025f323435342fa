// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/action_sender.h"

#include <algorithm>
#include <utility>

#include "common/error.h"
#include "controller/actions/smtp.h"
#include "controller/outbound/transfer_error.h"

namespace cronium::controller {
namespace {
constexpr absl::Duration kConnectTimeout = absl::Seconds(10);
}

ActionResult ResultOfTransferError(const absl::Status& status, bool safe) {
  ActionResult result;
  result.code = ErrorReason(status);
  if (result.code.empty()) result.code = "ACTION_FAILED";
  result.error = std::string(status.message());
  if (!NothingWasSent(status)) {
    result.outcome_unknown = !safe;
  } else if (result.code == kOutboundConnectFailed || result.code == kOutboundUnresolved ||
             result.code == kOutboundQueueFull) {
    result.retry_after = RetryDelay(status);
  }
  return result;
}

ActionSender::Id LoopSender::Send(const ActionPlan& plan, absl::Duration timeout,
                                  std::function<void(ActionResult)> done) {
  if (const auto* mail = std::get_if<MailJob>(&plan.message)) {
    TransferOptions options;
    options.protocols = TransferProtocols::kMail;
    options.timeout = timeout;
    options.connect_timeout = std::min(timeout, kConnectTimeout);
    return loop_->Start(MakeSmtpTransfer(*mail, std::move(done)), options);
  }
  HttpRequest request = std::get<HttpRequest>(plan.message);
  request.timeout = timeout;
  request.connect_timeout = std::min(timeout, kConnectTimeout);
  return http_.Send(
      std::move(request), [read = plan.read, safe = plan.safe,
                           done = std::move(done)](absl::StatusOr<HttpResponse> response) {
        done(response.ok() ? read(*response) : ResultOfTransferError(response.status(), safe));
      });
}

ActionSender::Id LoopSender::After(absl::Duration delay, std::function<void(bool)> done) {
  return loop_->After(delay,
                      [done = std::move(done)](const absl::Status& status) { done(status.ok()); });
}

}  // namespace cronium::controller
