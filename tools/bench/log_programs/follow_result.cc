// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/follow_result.h"

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace cronium::bench {

void FollowResult::SetLags(const LagHistogram& lags) {
  lag_p50_ms = lags.PercentileMs(0.5);
  lag_p99_ms = lags.PercentileMs(0.99);
  lag_max_ms = lags.MaxMs();
}

double FollowResult::Seconds() const {
  return static_cast<double>(counts.last_receipt_ns - counts.first_stamp_ns) / 1e9;
}

std::string FollowResult::ToJson() const {
  return nlohmann::ordered_json{{"lines", counts.lines},
                                {"bytes", counts.bytes},
                                {"entries", entries},
                                {"lost", counts.lost},
                                {"repeated", counts.repeated},
                                {"damaged", counts.damaged},
                                {"reconnects", reconnects},
                                {"first_stamp_ns", counts.first_stamp_ns},
                                {"last_stamp_ns", counts.last_stamp_ns},
                                {"last_receipt_ns", counts.last_receipt_ns},
                                {"lag_p50_ms", lag_p50_ms},
                                {"lag_p99_ms", lag_p99_ms},
                                {"lag_max_ms", lag_max_ms},
                                {"cpu_seconds", cpu_seconds}}
      .dump();
}

absl::StatusOr<FollowResult> FollowResult::FromJson(absl::string_view text) {
  const nlohmann::json json =
      nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InternalError(absl::StrCat("not what a follower prints: ", text));
  }
  FollowResult result;
  result.counts.lines = json.value("lines", int64_t{0});
  result.counts.bytes = json.value("bytes", int64_t{0});
  result.entries = json.value("entries", uint64_t{0});
  result.counts.lost = json.value("lost", int64_t{0});
  result.counts.repeated = json.value("repeated", int64_t{0});
  result.counts.damaged = json.value("damaged", int64_t{0});
  result.reconnects = json.value("reconnects", int64_t{0});
  result.counts.first_stamp_ns = json.value("first_stamp_ns", int64_t{0});
  result.counts.last_stamp_ns = json.value("last_stamp_ns", int64_t{0});
  result.counts.last_receipt_ns = json.value("last_receipt_ns", int64_t{0});
  result.lag_p50_ms = json.value("lag_p50_ms", 0.0);
  result.lag_p99_ms = json.value("lag_p99_ms", 0.0);
  result.lag_max_ms = json.value("lag_max_ms", 0.0);
  result.cpu_seconds = json.value("cpu_seconds", 0.0);
  return result;
}

}  // namespace cronium::bench
