// SPDX-License-Identifier: Apache-2.0
#include "controller/http_jobs/http_job_runner.h"

#include <optional>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/proto_time.h"
#include "controller/core/http_spec.h"
#include "controller/http_jobs/answer_json.h"
#include "controller/http_jobs/call_log.h"
#include "controller/http_jobs/retry_policy.h"
#include "controller/outbound/url.h"

namespace cronium::controller {
namespace {

constexpr int kMaxRedirects = 10;
// Room in a log for the lines about tries.
constexpr int64_t kLinesBytes = 1 << 20;

HttpRequest RequestOf(const v1::HttpSpec& spec) {
  HttpRequest request;
  request.method = spec.method();
  request.url = spec.url();
  for (const v1::HttpHeader& header : spec.headers()) {
    request.headers.emplace_back(header.name(), header.value());
  }
  request.body = std::string(BodyOf(spec));
  request.timeout = ToDuration(spec.try_timeout());
  request.max_redirects = spec.follow_redirects() ? kMaxRedirects : 0;
  request.max_body_bytes = static_cast<size_t>(spec.max_response_bytes());
  request.cut_body = true;
  return request;
}

LogKey LogKeyOf(const v1::Execution& execution) {
  return {execution.namespace_(), execution.id(), ToTime(execution.assign_time())};
}

std::string ErrorText(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return reason.empty() ? std::string(status.message())
                        : absl::StrCat(reason, ": ", status.message());
}

std::string AnswerText(const HttpResponse& answer) {
  std::string text = absl::StrCat(answer.status, ", ", answer.body.size(),
                                  answer.body_cut ? " bytes (cut)" : " bytes");
  if (answer.redirects > 0) {
    absl::StrAppend(&text, ", from ", LoggableUrl(answer.url), " after ", answer.redirects,
                    answer.redirects == 1 ? " redirect" : " redirects");
  }
  return text;
}

}  // namespace

struct HttpJobRunner::Call {
  Call(const HttpCommand& command, LogStore* logs)
      : id(command.execution.id()),
        spec(command.spec),
        policy(spec->http()),
        // Half of a log's limit is kept from its beginning on, which is all of this one.
        log(logs, LogKeyOf(command.execution),
            2 * (spec->http().max_response_bytes() + kLinesBytes)) {}

  const std::string id;
  const std::shared_ptr<const v1::JobSpec> spec;
  const RetryPolicy policy;
  CallLog log;
  int tries = 0;
  absl::Time try_start;
  // The transfer or the timer that is under way.
  TransferLoop::Id waiting_for = 0;
};

HttpJobRunner::HttpJobRunner(TransferLoop* loop, LogStore* logs, const Clock* clock, Report report)
    : loop_(loop), logs_(logs), clock_(clock), report_(std::move(report)), client_(loop) {}

HttpJobRunner::~HttpJobRunner() = default;

void HttpJobRunner::Execute(const HttpCommand& command) {
  loop_->After(absl::ZeroDuration(), [this, command](const absl::Status& status) {
    if (!status.ok()) return;
    if (command.give_up == v1::END_REASON_UNSPECIFIED) {
      Start(command);
    } else {
      GiveUp(command);
    }
  });
}

HttpJobRunner::Call* HttpJobRunner::Find(const std::string& id) {
  const auto it = calls_.find(id);
  return it == calls_.end() ? nullptr : it->second.get();
}

void HttpJobRunner::Start(const HttpCommand& command) {
  const std::string& id = command.execution.id();
  if (!calls_.emplace(id, std::make_unique<Call>(command, logs_)).second) return;
  Try(id);
}

void HttpJobRunner::GiveUp(const HttpCommand& command) {
  Call* call = Find(command.execution.id());
  if (call == nullptr) return;
  loop_->Cancel(call->waiting_for);
  call->log.Write(v1::LOG_STREAM_STDERR, absl::StrCat("given up: ", command.message, "\n"),
                  clock_->Now());
  End(call->id, command.give_up, command.message, nullptr);
}

void HttpJobRunner::Try(const std::string& id) {
  Call* call = Find(id);
  if (call == nullptr) return;
  ++call->tries;
  call->try_start = clock_->Now();
  call->waiting_for = client_.Send(
      RequestOf(call->spec->http()),
      [this, id](absl::StatusOr<HttpResponse> answer) { OnAnswer(id, std::move(answer)); });
}

void HttpJobRunner::OnAnswer(const std::string& id, absl::StatusOr<HttpResponse> answer) {
  // The loop stops: what became of the call is not known, and nobody is left to be told.
  if (absl::IsCancelled(answer.status())) return;
  Call* call = Find(id);
  if (call == nullptr) return;
  const v1::HttpSpec& spec = call->spec->http();
  const absl::Time now = clock_->Now();
  const std::string line = absl::StrCat(
      "try ", call->tries, " of ", call->policy.max_tries(), ": ", spec.method(), " ",
      LoggableUrl(spec.url()), ": ", answer.ok() ? AnswerText(*answer) : ErrorText(answer.status()),
      ", ", absl::ToInt64Milliseconds(now - call->try_start), " ms");
  const bool expected = answer.ok() && call->policy.IsExpected(answer->status);
  const bool may_help = answer.ok() ? call->policy.RetriesStatus(answer->status)
                                    : call->policy.RetriesError(answer.status());
  if (!expected && may_help && call->tries < call->policy.max_tries()) {
    std::optional<absl::Duration> retry_after;
    if (answer.ok()) retry_after = ParseRetryAfter(FindHeader(answer->headers, "retry-after"), now);
    TryAgain(call, line, call->policy.Backoff(call->tries, retry_after, absl::HashOf(id)));
    return;
  }
  call->log.Write(v1::LOG_STREAM_STDERR, absl::StrCat(line, "\n"), now);
  if (!answer.ok()) {
    End(id, v1::END_REASON_NO_RESPONSE, ErrorText(answer.status()), nullptr);
    return;
  }
  call->log.Write(v1::LOG_STREAM_STDOUT, answer->body, now);
  if (expected) {
    End(id, v1::END_REASON_RESPONDED, "", &*answer);
  } else {
    End(id, v1::END_REASON_UNEXPECTED_STATUS,
        absl::StrCat("status ", answer->status, " is not among the expected ",
                     spec.expected_statuses()),
        &*answer);
  }
}

void HttpJobRunner::TryAgain(Call* call, const std::string& line, absl::Duration wait) {
  call->log.Write(v1::LOG_STREAM_STDERR,
                  absl::StrCat(line, "; again in ", absl::FormatDuration(wait), "\n"),
                  clock_->Now());
  call->log.Flush([](const absl::Status&, uint64_t) {});
  call->waiting_for = loop_->After(wait, [this, id = call->id](const absl::Status& status) {
    if (status.ok()) Try(id);
  });
}

void HttpJobRunner::End(const std::string& id, v1::EndReason reason, std::string message,
                        const HttpResponse* answer) {
  const std::unique_ptr<Call> call = std::move(calls_.extract(id).mapped());
  HttpOutcome outcome;
  outcome.execution_id = call->id;
  outcome.end.set_reason(reason);
  outcome.end.set_message(std::move(message));
  if (answer != nullptr) outcome.output_json = AnswerJson(*answer, call->tries);
  call->log.Flush([report = report_, outcome = std::move(outcome)](const absl::Status& stored,
                                                                   uint64_t last) mutable {
    if (absl::IsUnavailable(stored)) return;  // The controller stops.
    if (stored.ok()) outcome.end.set_last_seq(last);
    outcome.end.set_log_uncertain(!stored.ok());
    report(std::move(outcome));
  });
}

}  // namespace cronium::controller
