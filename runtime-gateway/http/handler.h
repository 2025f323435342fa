// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HTTP_HANDLER_H_
#define CRONIUM_RUNTIME_GATEWAY_HTTP_HANDLER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "runtime-gateway/http/message.h"

namespace cronium::gateway {

// A request whose head was accepted and whose body is still to come. Used by one thread at a time.
class Operation {
 public:
  using Reply = std::function<void(Response)>;

  virtual ~Operation() = default;

  // A larger body is refused, without reading on.
  virtual size_t max_body_bytes() const = 0;

  // Called once, with the whole body. Calls reply exactly once, from any thread, at once or later;
  // the operation may be gone after.
  virtual void Run(std::string body, Reply reply) = 0;
};

// What becomes of a request after its head: an answer, or an operation.
struct Admission {
  // Name of the route for metrics; constant text.
  absl::string_view route;
  std::variant<Response, std::unique_ptr<Operation>> outcome;
};

// Answers requests, in two steps so that a request without a right to be here is refused before its
// body is read. Thread-safe.
class Handler {
 public:
  virtual ~Handler() = default;

  // Calls done exactly once, from any thread, at once or later.
  virtual void Admit(RequestHead head, std::function<void(Admission)> done) = 0;
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_HTTP_HANDLER_H_
