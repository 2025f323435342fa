// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_HTTP_JOBS_CALL_LOG_H_
#define CRONIUM_CONTROLLER_HTTP_JOBS_CALL_LOG_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/logs/log_store.h"
#include "cronium/v1/log.pb.h"

namespace cronium::controller {

// Writes the log of one call: numbers entries and cuts what is written into chunks. Not
// thread-safe.
class CallLog {
 public:
  // last_seq: that of the last entry written. status: OK where everything up to it is durable;
  // UNAVAILABLE where the controller stops.
  using Durable = std::function<void(const absl::Status& status, uint64_t last_seq)>;

  // logs is borrowed. limit_bytes: of LogStore::Append.
  CallLog(LogStore* logs, LogKey key, int64_t limit_bytes);

  // Appends; nothing where data is empty.
  void Write(v1::LogStream stream, absl::string_view data, absl::Time now);
  // Calls back, on the log store's thread or this one, once all that was written is durable.
  void Flush(Durable durable);

 private:
  LogStore* const logs_;
  const LogKey key_;
  const int64_t limit_bytes_;
  uint64_t next_seq_ = 1;
  std::vector<v1::LogChunk> waiting_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_HTTP_JOBS_CALL_LOG_H_
