// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/http/exchange.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "runtime-gateway/http/error_response.h"
#include "runtime-gateway/http/target.h"

namespace cronium::gateway {
namespace {

constexpr size_t kFirstBodyReserve = 16 * 1024;

Response TooLarge(size_t limit) {
  return ErrorResponse(413, "BODY_TOO_LARGE",
                       absl::StrCat("body: is larger than the limit of ", limit, " bytes"));
}

Response NoMemory() {
  return RetryLater(503, "GATEWAY_BUSY",
                    "the gateway holds as many bytes of bodies as it may; try again",
                    absl::Seconds(1));
}

Response TooSlow(absl::Duration limit) {
  return ErrorResponse(
      408, "REQUEST_TOO_SLOW",
      absl::StrCat("the request was not complete after ", absl::FormatDuration(limit)));
}

void FreeText(void* text) { delete static_cast<std::string*>(text); }

// Takes over the body.
MHD_Response* ToMhd(Response* response, bool close) {
  auto* body = new std::string(std::move(response->body));
  MHD_Response* out = MHD_create_response_from_buffer_with_free_callback_cls(
      body->size(), body->data(), FreeText, body);
  MHD_add_response_header(out, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type.c_str());
  for (const auto& [name, value] : response->headers) {
    MHD_add_response_header(out, name.c_str(), value.c_str());
  }
  if (close) MHD_add_response_header(out, MHD_HTTP_HEADER_CONNECTION, "close");
  return out;
}

}  // namespace

Exchange::Exchange(std::shared_ptr<ExchangeContext> context, Transport transport,
                   absl::string_view target, MHD_Connection* connection,
                   ConnectionList* connections, ConnectionList::Handle place)
    : context_(std::move(context)),
      transport_(transport),
      target_(target),
      connection_(connection),
      connections_(connections),
      place_(place),
      begin_ns_(context_->clock->BoottimeNs()),
      body_share_(&context_->bodies),
      answer_share_(&context_->bodies) {
  MutexLock lock(&context_->mutex);
  ++context_->active;
}

MHD_Result Exchange::OnEvent(const char* method, const char* data, size_t* data_size) {
  switch (phase_) {
    case Phase::kHead:
      StartAdmission(method);
      [[fallthrough]];
    case Phase::kAdmitting: {
      std::optional<Admission> admission = TakeOrSuspend(&Delivered::admission);
      if (!admission.has_value()) return MHD_YES;
      ApplyAdmission(*std::move(admission));
      // With a body to come, the answer must be given now; without one it waits for the last call,
      // since libmicrohttpd ends the connection after an answer that came before.
      return phase_ == Phase::kRefused && body_follows_ ? Answer(*std::move(refusal_)) : MHD_YES;
    }
    case Phase::kRefused:
      return Answer(*std::move(refusal_));
    case Phase::kBody:
      if (*data_size > 0) {
        const absl::string_view piece(data, std::exchange(*data_size, 0));
        return AddToBody(piece);
      }
      StartOperation();
      [[fallthrough]];
    case Phase::kRunning: {
      std::optional<Response> response = TakeOrSuspend(&Delivered::response);
      return response.has_value() ? Answer(*std::move(response)) : MHD_YES;
    }
    case Phase::kAnswered:
      return MHD_YES;
  }
  return MHD_NO;
}

void Exchange::OnEnd(MHD_RequestTerminationCode code) {
  if (phase_ != Phase::kAnswered) context_->metrics->RequestAborted();
  connections_->Answered(place_);
  if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK) {
    LogDebug("request ended early", {{"route", route_}, {"code", static_cast<int>(code)}});
  }
  // A callback may still hold this, but no longer its share of the memory.
  operation_.reset();
  body_share_.Resize(0);
  answer_share_.Resize(0);
  MutexLock lock(&context_->mutex);
  if (--context_->active == 0) context_->none.NotifyAll();
}

void Exchange::StartAdmission(const char* method) {
  phase_ = Phase::kAdmitting;
  connections_->Begin(place_);
  const absl::string_view length = Header(MHD_HTTP_HEADER_CONTENT_LENGTH);
  body_follows_ =
      !Header(MHD_HTTP_HEADER_TRANSFER_ENCODING).empty() || (!length.empty() && length != "0");
  if (std::optional<Response> wrong = CheckHead(); wrong.has_value()) {
    Deliver(&Delivered::admission, Admission{"none", *std::move(wrong)});
    return;
  }
  const Target target = SplitTarget(target_);
  RequestHead head;
  head.method = method;
  head.path = std::string(target.path);
  head.query = std::string(target.query);
  head.authorization = std::string(Header(MHD_HTTP_HEADER_AUTHORIZATION));
  head.if_match = std::string(Header(MHD_HTTP_HEADER_IF_MATCH));
  head.idempotency_key = std::string(Header("Idempotency-Key"));
  head.transport = transport_;
  context_->handler->Admit(std::move(head), [self = shared_from_this()](Admission admission) {
    self->Deliver(&Delivered::admission, std::move(admission));
  });
}

std::optional<Response> Exchange::CheckHead() {
  const MHD_ConnectionInfo* size =
      MHD_get_connection_info(connection_, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  if (size != nullptr && size->header_size > context_->max_head_bytes) {
    return ErrorResponse(431, "HEAD_TOO_LARGE",
                         absl::StrCat("the request line and headers have ", size->header_size,
                                      " bytes; the limit is ", context_->max_head_bytes));
  }
  const absl::string_view encoding = Header(MHD_HTTP_HEADER_TRANSFER_ENCODING);
  // Who stands between might take another as the end of the body (RFC 9112, 6.3).
  const int lengths = HeaderCount(MHD_HTTP_HEADER_CONTENT_LENGTH);
  if (lengths > 1 || (lengths == 1 && !encoding.empty())) {
    return ErrorResponse(400, "AMBIGUOUS_LENGTH",
                         "Content-Length: is there twice, or beside Transfer-Encoding");
  }
  if (!encoding.empty() && !absl::EqualsIgnoreCase(encoding, "chunked")) {
    return ErrorResponse(501, "UNSUPPORTED_TRANSFER_ENCODING",
                         "Transfer-Encoding: only chunked is supported");
  }
  return std::nullopt;
}

void Exchange::ApplyAdmission(Admission admission) {
  route_ = admission.route;
  if (auto* response = std::get_if<Response>(&admission.outcome)) {
    phase_ = Phase::kRefused;
    refusal_ = std::move(*response);
    return;
  }
  operation_ = std::move(std::get<std::unique_ptr<Operation>>(admission.outcome));
  refusal_ = CheckDeclaredLength(operation_->max_body_bytes());
  phase_ = refusal_.has_value() ? Phase::kRefused : Phase::kBody;
  if (phase_ == Phase::kBody && body_follows_) connections_->WaitForRest(place_);
}

std::optional<Response> Exchange::CheckDeclaredLength(size_t limit) {
  uint64_t length = 0;
  if (!absl::SimpleAtoi(Header(MHD_HTTP_HEADER_CONTENT_LENGTH), &length)) return std::nullopt;
  if (length > limit) return TooLarge(limit);
  announced_bytes_ = length;
  // Rather than in the middle of it; AddToBody has the last word.
  if (context_->bodies.used() + static_cast<int64_t>(length) > context_->bodies.limit()) {
    return NoMemory();
  }
  return std::nullopt;
}

MHD_Result Exchange::AddToBody(absl::string_view piece) {
  const size_t limit = operation_->max_body_bytes();
  const size_t size = body_.size() + piece.size();
  if (size > limit) return AnswerAmidBody(TooLarge(limit));
  const auto elapsed = absl::Nanoseconds(context_->clock->BoottimeNs() - begin_ns_);
  if (elapsed > context_->request_timeout) {
    return AnswerAmidBody(TooSlow(context_->request_timeout));
  }
  if (size > body_.capacity()) {
    // No more than was announced, where that is known: doubling would hold up to twice as much.
    const size_t most = announced_bytes_ >= size ? announced_bytes_ : limit;
    const size_t capacity =
        std::min(most, std::max({size, 2 * body_.capacity(), kFirstBodyReserve}));
    if (!body_share_.Resize(static_cast<int64_t>(capacity))) return AnswerAmidBody(NoMemory());
    body_.reserve(capacity);
  }
  body_.append(piece.data(), piece.size());
  return MHD_YES;
}

void Exchange::StartOperation() {
  phase_ = Phase::kRunning;
  if (body_follows_) connections_->Begin(place_);
  operation_->Run(std::move(body_), [self = shared_from_this()](Response response) {
    self->Deliver(&Delivered::response, std::move(response));
  });
}

template <typename T>
std::optional<T> Exchange::TakeOrSuspend(std::optional<T> Delivered::*slot) {
  MutexLock lock(&mutex_);
  if ((delivered_.*slot).has_value()) return std::exchange(delivered_.*slot, std::nullopt);
  MHD_suspend_connection(connection_);
  delivered_.suspended = true;
  MutexLock context_lock(&context_->mutex);
  ++context_->suspended;
  return std::nullopt;
}

template <typename T>
void Exchange::Deliver(std::optional<T> Delivered::*slot, T value) {
  MutexLock lock(&mutex_);
  delivered_.*slot = std::move(value);
  // The connection's thread may go on, and drop its reference, before this one has let go of the
  // lock: the caller holds another.
  if (!std::exchange(delivered_.suspended, false)) return;
  MHD_resume_connection(connection_);
  MutexLock context_lock(&context_->mutex);
  if (--context_->suspended == 0) context_->none.NotifyAll();
}

MHD_Result Exchange::Answer(Response response) {
  phase_ = Phase::kAnswered;
  // The request's bytes are with the controller's client now, or refused; the answer's take their
  // place.
  operation_.reset();
  body_share_.Resize(0);
  if (!answer_share_.Resize(static_cast<int64_t>(response.body.size()))) response = NoMemory();
  Count(response);
  connections_->Answered(place_);
  const auto status = static_cast<unsigned>(response.status);
  MHD_Response* out = ToMhd(&response, context_->closing);
  const MHD_Result queued = MHD_queue_response(connection_, status, out);
  MHD_destroy_response(out);
  return queued;
}

MHD_Result Exchange::AnswerAmidBody(Response response) {
  phase_ = Phase::kAnswered;
  Count(response);
  std::string text = absl::StrCat("HTTP/1.1 ", response.status, " ", StatusText(response.status),
                                  "\r\nConnection: close\r\nContent-Type: ", response.content_type,
                                  "\r\nContent-Length: ", response.body.size(), "\r\n");
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&text, name, ": ", value, "\r\n");
  }
  absl::StrAppend(&text, "\r\n", response.body);
  const MHD_ConnectionInfo* info =
      MHD_get_connection_info(connection_, MHD_CONNECTION_INFO_CONNECTION_FD);
  // A few hundred bytes after nothing else: the socket's buffer has room for them. The client may
  // be gone, and then it does not matter.
  if (info != nullptr) {
    (void)send(info->connect_fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  return MHD_NO;
}

void Exchange::Count(const Response& response) {
  const auto took = absl::Nanoseconds(context_->clock->BoottimeNs() - begin_ns_);
  context_->metrics->CountRequest(route_, response.status, took);
  LogDebug("answered", {{"route", route_},
                        {"status", response.status},
                        {"took_us", absl::ToInt64Microseconds(took)}});
}

int Exchange::HeaderCount(absl::string_view name) const {
  std::pair<absl::string_view, int> seen(name, 0);
  const auto count = [](void* cls, MHD_ValueKind /*kind*/, const char* key, const char* /*value*/) {
    auto* counted = static_cast<std::pair<absl::string_view, int>*>(cls);
    if (absl::EqualsIgnoreCase(key, counted->first)) ++counted->second;
    return MHD_YES;
  };
  MHD_get_connection_values(connection_, MHD_HEADER_KIND, count, &seen);
  return seen.second;
}

absl::string_view Exchange::Header(const char* name) const {
  const char* value = MHD_lookup_connection_value(connection_, MHD_HEADER_KIND, name);
  return value == nullptr ? absl::string_view() : absl::string_view(value);
}

}  // namespace cronium::gateway
