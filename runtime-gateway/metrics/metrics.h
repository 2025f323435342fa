// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_METRICS_METRICS_H_
#define CRONIUM_RUNTIME_GATEWAY_METRICS_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"

namespace cronium::gateway {

// What the gateway counts. One object for the process; thread-safe.
class Metrics {
 public:
  // Upper bounds of the latency histogram's buckets, in seconds.
  static constexpr std::array<double, 8> kBuckets = {0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 30};

  // route: one of the handler's constant names, so that the table stays small.
  void CountRequest(absl::string_view route, int status, absl::Duration took);

  void ConnectionOpened() { ++connections_; }
  void ConnectionClosed() { --connections_; }
  void ConnectionsEnded(int count) { ended_connections_ += count; }
  void RequestAborted() { ++aborted_; }
  void CallRetried() { ++retries_; }
  void CallFailed() { ++failures_; }
  void KeysFetched() { ++key_fetches_; }
  // reason: one of a few constant names (FailedTokenCheck), or ended, wrong_node, other_execution.
  void TokenRefused(absl::string_view reason);

  int64_t connections() const { return connections_; }
  int64_t ended_connections() const { return ended_connections_; }

  // Read whenever the metrics are; must be set before others call.
  void set_body_bytes(std::function<int64_t()> read) { body_bytes_ = std::move(read); }

  // As OpenMetrics 1.0 text.
  std::string Render() const;

  static constexpr char kContentType[] =
      "application/openmetrics-text; version=1.0.0; charset=utf-8";

 private:
  struct Route {
    std::map<int, int64_t> by_status;
    // Not cumulative; the last one is for what exceeds every bound.
    std::array<int64_t, kBuckets.size() + 1> by_bucket = {};
    double seconds = 0;
  };

  std::atomic<int64_t> connections_{0};
  std::atomic<int64_t> ended_connections_{0};
  std::atomic<int64_t> aborted_{0};
  std::atomic<int64_t> retries_{0};
  std::atomic<int64_t> failures_{0};
  std::atomic<int64_t> key_fetches_{0};
  std::function<int64_t()> body_bytes_;

  mutable Mutex mutex_;
  std::map<std::string, Route, std::less<>> routes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> token_refusals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_METRICS_METRICS_H_
