// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/api/runtime_api.h"

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime-gateway/api/operations.h"
#include "runtime-gateway/api/replies.h"
#include "runtime-gateway/api/status_response.h"
#include "runtime-gateway/http/error_response.h"
#include "runtime-gateway/http/target.h"

namespace cronium::gateway {
namespace {

// An answer that is known from the head alone.
class FixedAnswer : public Operation {
 public:
  explicit FixedAnswer(Response response) : response_(std::move(response)) {}
  size_t max_body_bytes() const override { return kMaxIgnoredBodyBytes; }
  void Run(std::string /*body*/, Reply reply) override { reply(std::move(response_)); }

 private:
  Response response_;
};

Response NotFound() { return ErrorResponse(404, "ROUTE_NOT_FOUND", "not found"); }

Response WrongMethod(Endpoint endpoint, absl::string_view method) {
  Response response = ErrorResponse(
      405, "METHOD_NOT_ALLOWED",
      absl::StrCat(method, " is not allowed here; ", AllowedMethods(endpoint), " is"));
  response.headers.emplace_back("Allow", std::string(AllowedMethods(endpoint)));
  return response;
}

// Empty where the header is absent or of another scheme.
absl::string_view BearerToken(absl::string_view authorization) {
  constexpr absl::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) return "";
  return absl::StripAsciiWhitespace(authorization.substr(kScheme.size()));
}

}  // namespace

void RuntimeApi::Admit(RequestHead head, std::function<void(Admission)> done) {
  const Route route = FindRoute(head.method, head.path);
  const absl::string_view name = EndpointName(route.endpoint);
  AdmitOne done_one = [name, done = std::move(done)](auto outcome) {
    done({name, std::move(outcome)});
  };
  if (route.endpoint == Endpoint::kNone ||
      (route.endpoint == Endpoint::kMetrics && head.transport != Transport::kLoopback)) {
    done_one(NotFound());
  } else if (!IsAllowed(route.endpoint, head.method)) {
    done_one(WrongMethod(route.endpoint, head.method));
  } else if (!NeedsToken(route.endpoint)) {
    AdmitGlobal(route.endpoint, done_one);
  } else {
    AdmitOfExecution(std::move(head), std::move(done_one));
  }
}

void RuntimeApi::AdmitGlobal(Endpoint endpoint, const AdmitOne& done) {
  if (endpoint == Endpoint::kReady) {
    AdmitReady(done);
    return;
  }
  Response response = HealthReply(parts_.clock->Now());
  if (endpoint == Endpoint::kMetrics) {
    response.content_type = Metrics::kContentType;
    response.body = parts_.metrics->Render();
  }
  done(std::make_unique<FixedAnswer>(std::move(response)));
}

// Answers at once, from what is known; asking also makes what is missing be sought.
void RuntimeApi::AdmitReady(const AdmitOne& done) {
  const bool connected = parts_.client->IsConnected();
  const bool has_keys = parts_.keys->has_keys();
  if (!has_keys) parts_.keys->Want();
  if (connected && has_keys) {
    done(std::make_unique<FixedAnswer>(SuccessReply()));
    return;
  }
  done(std::make_unique<FixedAnswer>(RetryLater(
      503, "CONTROLLER_UNREACHABLE",
      connected ? "the token keys were not fetched yet" : "the controller cannot be reached",
      absl::Seconds(1))));
}

void RuntimeApi::AdmitOfExecution(RequestHead head, AdmitOne done) {
  std::string token(BearerToken(head.authorization));
  auto shared_head = std::make_shared<const RequestHead>(std::move(head));
  const auto check = [this, shared_head, token,
                      done = std::move(done)](const absl::StatusOr<TokenClaims>& claims) {
    if (!claims.ok()) {
      CountRefusal(claims.status());
      done(StatusResponse(claims.status()));
      return;
    }
    const Route route = FindRoute(shared_head->method, shared_head->path);
    // A path without an execution's id means the token's.
    const absl::StatusOr<std::string> id = route.endpoint == Endpoint::kToolAction
                                               ? claims->execution_id
                                               : PercentDecode(route.execution_id);
    if (!id.ok() || *id != claims->execution_id) {
      parts_.metrics->TokenRefused("other_execution");
      done(ErrorResponse(403, "EXECUTION_ID_MISMATCH", "execution ID mismatch"));
      return;
    }
    const absl::Duration wait = parts_.limiter->Take(claims->execution_id, claims->calls_per_minute,
                                                     parts_.clock->BoottimeNs());
    if (wait > absl::ZeroDuration()) {
      done(RetryLater(429, "RATE_LIMITED",
                      "this execution has made as many calls a minute as it may", wait));
      return;
    }
    done(MakeOperation(parts_.client, route, *shared_head, token));
  };
  parts_.tokens->Check(token, check);
}

void RuntimeApi::CountRefusal(const absl::Status& status) const {
  const std::string check = FailedTokenCheck(status);
  if (!check.empty()) parts_.metrics->TokenRefused(check);
}

}  // namespace cronium::gateway
