// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_API_RUNTIME_API_H_
#define CRONIUM_RUNTIME_GATEWAY_API_RUNTIME_API_H_

#include <functional>
#include <memory>
#include <variant>

#include "common/clock.h"
#include "runtime-gateway/api/rate_limiter.h"
#include "runtime-gateway/api/route.h"
#include "runtime-gateway/http/handler.h"
#include "runtime-gateway/metrics/metrics.h"
#include "runtime-gateway/upstream/controller_client.h"
#include "runtime-gateway/upstream/key_ring.h"
#include "runtime-gateway/upstream/token_checker.h"

namespace cronium::gateway {

// The runtime API: what scripts ask for, turned into calls of RuntimeService. Keeps nothing of what
// it is told, so each answer is as fresh as the controller's. Thread-safe.
//
// A request is refused at the first of: unknown route, wrong method, token, another execution's
// path, rate, malformed key or header. Only then is its body read.
class RuntimeApi : public Handler {
 public:
  // All borrowed.
  struct Parts {
    ControllerClient* client;
    KeyRing* keys;
    TokenChecker* tokens;
    RateLimiter* limiter;
    Metrics* metrics;
    const Clock* clock;
  };
  explicit RuntimeApi(const Parts& parts) : parts_(parts) {}

  void Admit(RequestHead head, std::function<void(Admission)> done) override;

 private:
  using AdmitOne = std::function<void(std::variant<Response, std::unique_ptr<Operation>>)>;

  void AdmitGlobal(Endpoint endpoint, const AdmitOne& done);
  void AdmitReady(const AdmitOne& done);
  void AdmitOfExecution(RequestHead head, AdmitOne done);
  void CountRefusal(const absl::Status& status) const;

  const Parts parts_;
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_API_RUNTIME_API_H_
