// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_OUTBOUND_TRANSFER_LOOP_H_
#define CRONIUM_CONTROLLER_OUTBOUND_TRANSFER_LOOP_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/curl/curl_loop.h"
#include "controller/outbound/address_rule.h"

namespace cronium::controller {

// Which protocols a transfer may speak; curl knows many that are of no use here.
enum class TransferProtocols { kHttp, kMail };

struct TransferOptions {
  TransferProtocols protocols = TransferProtocols::kHttp;
  // From Start to the end, waiting for its turn and all its rounds included.
  absl::Duration timeout = absl::Seconds(30);
  // For the name's look-up, the connection and its TLS.
  absl::Duration connect_timeout = absl::Seconds(10);
};

// How one round of a transfer ended.
struct TransferEnd {
  // CURL*, to ask for what it knows. Null where the transfer never had its turn.
  void* curl = nullptr;
  // CURLcode.
  int curl_code = 0;
  // OK, or one of the reasons in transfer_error.h, CANCELLED, or RESOURCE_EXHAUSTED
  // (OUTBOUND_QUEUE_FULL).
  absl::Status status;
};

// What a caller wants done with a curl handle: the seam that HTTP and mail share. All calls come
// from the loop's thread (once the loop is stopped: Finish from the caller's) and must be quick.
class Transfer {
 public:
  virtual ~Transfer() = default;

  // Sets what is particular to this transfer: URL, body, callbacks, credentials. The loop has set
  // protocols, address rule, TLS verification, timeouts and that there is no proxy; leave those
  // alone. An error ends the transfer with it.
  virtual absl::Status SetUp(void* curl) = 0;
  // Called once for each round. True: set the handle up again and go on (a redirect), within the
  // same timeout; false: that was all, and the transfer is destroyed. After CANCELLED or the
  // timeout nothing goes on.
  virtual bool Finish(const TransferEnd& end) = 0;
  // Whom it talks to, without secrets, for messages: `https://example.com:443`.
  virtual std::string Target() const = 0;
};

struct TransferLoopOptions {
  AddressRule rule;
  // At one time, and how many more may wait for their turn.
  int max_transfers = 256;
  int max_waiting = 10'000;
  // PEM of CAs that count beside the host's own; may be empty.
  std::string ca_file;
};

// Runs all outbound transfers of the controller on one thread (common/curl); connections are kept
// and used again.
//
// Every socket is checked against the address rule before it connects, whatever name, redirect or
// DNS answer led to it. Thread-safe. Destroying the loop (or Stop) ends what is under way with
// CANCELLED before it returns; what is started later ends so too.
class TransferLoop {
 public:
  using Id = CurlLoop::Id;
  using TimerDone = CurlLoop::TimerDone;

  explicit TransferLoop(TransferLoopOptions options);
  ~TransferLoop() { Stop(); }
  TransferLoop(const TransferLoop&) = delete;
  TransferLoop& operator=(const TransferLoop&) = delete;

  Id Start(std::unique_ptr<Transfer> transfer, const TransferOptions& options);
  // Calls done(OK) on the loop's thread after `delay`, or done(CANCELLED). Callers bound how many
  // they have.
  Id After(absl::Duration delay, TimerDone done);
  // Ends the transfer or timer with CANCELLED, on the loop's thread. Nothing where it has ended.
  void Cancel(Id id);
  // Idempotent; not from the loop's thread.
  void Stop();

 private:
  struct Running;

  // On the loop's thread.
  void Take(std::shared_ptr<Running> running);
  void BeginWaiting();
  void Begin(Running* running);
  void Configure(Running* running) const;
  void OnCurl(Running* running, int curl_code);
  void End(Id id, int curl_code, absl::Status status);
  void CancelAll();

  const TransferLoopOptions options_;

  // The thread's own: all transfers, those of waiting_ included.
  std::map<Id, std::shared_ptr<Running>> transfers_;
  std::deque<Id> waiting_;
  int under_way_ = 0;

  // The last: its thread ends before the rest goes.
  CurlLoop loop_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_OUTBOUND_TRANSFER_LOOP_H_
