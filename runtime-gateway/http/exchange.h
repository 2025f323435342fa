// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HTTP_EXCHANGE_H_
#define CRONIUM_RUNTIME_GATEWAY_HTTP_EXCHANGE_H_

#include <microhttpd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "runtime-gateway/http/byte_budget.h"
#include "runtime-gateway/http/connection_list.h"
#include "runtime-gateway/http/handler.h"
#include "runtime-gateway/http/message.h"
#include "runtime-gateway/metrics/metrics.h"

namespace cronium::gateway {

// What all exchanges of a server share. The borrowed objects outlive the server; this outlives it
// too, for as long as a callback holds an exchange that has ended.
struct ExchangeContext {
  explicit ExchangeContext(int64_t max_body_memory_bytes) : bodies(max_body_memory_bytes) {}

  Handler* handler = nullptr;
  Metrics* metrics = nullptr;
  const Clock* clock = nullptr;
  size_t max_head_bytes = 0;
  absl::Duration request_timeout;
  ByteBudget bodies;
  // Each answer ends its connection.
  std::atomic<bool> closing{false};

  // How many exchanges have begun and not ended, and how many of them wait for the handler; `none`
  // is notified when either becomes zero.
  Mutex mutex;
  CondVar none;
  int active ABSL_GUARDED_BY(mutex) = 0;
  int suspended ABSL_GUARDED_BY(mutex) = 0;
};

// One request and its answer on a connection of libmicrohttpd, which calls OnEvent again and again:
//
//   head read        -> Handler::Admit; suspended until it has decided
//   refused          -> answer at once where a body would follow (which ends the connection), else
//   in the last call accepted         -> each piece of the body is added, within limits request
//   complete -> Operation::Run; suspended until it replied; answer
//
// The connection's thread calls everything here; only the handler's two callbacks come from others.
// libmicrohttpd does not end a suspended connection, so each exchange lives until both have come.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  // place: of its connection in connections, which outlives the exchange's last event.
  Exchange(std::shared_ptr<ExchangeContext> context, Transport transport, absl::string_view target,
           MHD_Connection* connection, ConnectionList* connections, ConnectionList::Handle place);

  MHD_Result OnEvent(const char* method, const char* data, size_t* data_size);
  void OnEnd(MHD_RequestTerminationCode code);

 private:
  enum class Phase { kHead, kAdmitting, kRefused, kBody, kRunning, kAnswered };

  void StartAdmission(const char* method);
  // Turns the handler's decision into phase_.
  void ApplyAdmission(Admission admission);
  // What is wrong with the head before anybody looks at what it asks for.
  std::optional<Response> CheckHead();
  std::optional<Response> CheckDeclaredLength(size_t limit);
  MHD_Result AddToBody(absl::string_view piece);
  void StartOperation();

  // What the handler's callbacks leave for the connection's thread.
  struct Delivered {
    bool suspended = false;
    std::optional<Admission> admission;
    std::optional<Response> response;
  };
  // The value, once it was delivered; until then none, and the connection is suspended.
  template <typename T>
  std::optional<T> TakeOrSuspend(std::optional<T> Delivered::*slot);
  template <typename T>
  void Deliver(std::optional<T> Delivered::*slot, T value);

  MHD_Result Answer(Response response);
  // Writes an answer past libmicrohttpd, which takes one only before and after the body, and ends
  // the connection.
  MHD_Result AnswerAmidBody(Response response);
  void Count(const Response& response);
  absl::string_view Header(const char* name) const;
  int HeaderCount(absl::string_view name) const;

  const std::shared_ptr<ExchangeContext> context_;
  const Transport transport_;
  const std::string target_;
  MHD_Connection* const connection_;
  ConnectionList* const connections_;
  const ConnectionList::Handle place_;
  const int64_t begin_ns_;

  Phase phase_ = Phase::kHead;
  absl::string_view route_ = "none";
  bool body_follows_ = false;
  std::optional<Response> refusal_;
  std::unique_ptr<Operation> operation_;
  // Content-Length; 0 where it is not known.
  size_t announced_bytes_ = 0;
  std::string body_;
  ByteBudget::Share body_share_;
  ByteBudget::Share answer_share_;

  Mutex mutex_;
  Delivered delivered_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_HTTP_EXCHANGE_H_
