// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/metrics/metrics.h"

#include <cstddef>

#include "absl/strings/str_cat.h"

namespace cronium::gateway {
namespace {

void Family(absl::string_view name, absl::string_view type, absl::string_view help,
            std::string* out) {
  absl::StrAppend(out, "# TYPE ", name, " ", type, "\n# HELP ", name, " ", help, "\n");
}

void Counter(absl::string_view name, absl::string_view help, int64_t value, std::string* out) {
  Family(name, "counter", help, out);
  absl::StrAppend(out, name, "_total ", value, "\n");
}

void Gauge(absl::string_view name, absl::string_view help, int64_t value, std::string* out) {
  Family(name, "gauge", help, out);
  absl::StrAppend(out, name, " ", value, "\n");
}

}  // namespace

void Metrics::CountRequest(absl::string_view route, int status, absl::Duration took) {
  const double seconds = absl::ToDoubleSeconds(took);
  size_t bucket = 0;
  while (bucket < kBuckets.size() && seconds > kBuckets[bucket]) ++bucket;
  MutexLock lock(&mutex_);
  Route& counts = routes_[std::string(route)];
  ++counts.by_status[status];
  ++counts.by_bucket[bucket];
  counts.seconds += seconds;
}

void Metrics::TokenRefused(absl::string_view reason) {
  MutexLock lock(&mutex_);
  ++token_refusals_[std::string(reason)];
}

std::string Metrics::Render() const {
  std::string out;
  MutexLock lock(&mutex_);
  Family("cronium_gateway_requests", "counter", "Answered requests.", &out);
  for (const auto& [name, route] : routes_) {
    for (const auto& [status, count] : route.by_status) {
      absl::StrAppend(&out, "cronium_gateway_requests_total{route=\"", name, "\",status=\"", status,
                      "\"} ", count, "\n");
    }
  }
  Family("cronium_gateway_request_seconds", "histogram",
         "From a request's head to its answer, without the sending of it.", &out);
  for (const auto& [name, route] : routes_) {
    int64_t count = 0;
    for (size_t i = 0; i <= kBuckets.size(); ++i) {
      count += route.by_bucket[i];
      absl::StrAppend(&out, "cronium_gateway_request_seconds_bucket{route=\"", name, "\",le=\"",
                      i < kBuckets.size() ? absl::StrCat(kBuckets[i]) : "+Inf", "\"} ", count,
                      "\n");
    }
    absl::StrAppend(&out, "cronium_gateway_request_seconds_count{route=\"", name, "\"} ", count,
                    "\ncronium_gateway_request_seconds_sum{route=\"", name, "\"} ", route.seconds,
                    "\n");
  }
  Family("cronium_gateway_token_refusals", "counter",
         "Calls whose token was refused, by the check that it failed.", &out);
  for (const auto& [reason, count] : token_refusals_) {
    absl::StrAppend(&out, "cronium_gateway_token_refusals_total{reason=\"", reason, "\"} ", count,
                    "\n");
  }
  Counter("cronium_gateway_aborted_requests",
          "Requests that ended before they were answered: the client left, or was idle too long.",
          aborted_, &out);
  Counter("cronium_gateway_controller_retries", "Calls to the controller that were made again.",
          retries_, &out);
  Counter("cronium_gateway_controller_failures",
          "Calls that the controller did not answer in time.", failures_, &out);
  Counter("cronium_gateway_token_key_fetches", "Times that the token keys were fetched.",
          key_fetches_, &out);
  Gauge("cronium_gateway_connections", "Open HTTP connections.", connections_, &out);
  Counter("cronium_gateway_ended_connections",
          "Connections that were ended for keeping the gateway waiting: too long, or longest when "
          "room was needed for others.",
          ended_connections_, &out);
  Gauge("cronium_gateway_body_bytes", "Bytes of bodies held in memory.",
        body_bytes_ ? body_bytes_() : 0, &out);
  out += "# EOF\n";
  return out;
}

}  // namespace cronium::gateway
