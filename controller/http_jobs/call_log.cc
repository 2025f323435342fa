// SPDX-License-Identifier: Apache-2.0
#include "controller/http_jobs/call_log.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/log.h"
#include "common/log_entries.h"
#include "common/proto_time.h"

namespace cronium::controller {

CallLog::CallLog(LogStore* logs, LogKey key, int64_t limit_bytes)
    : logs_(logs), key_(std::move(key)), limit_bytes_(limit_bytes) {}

void CallLog::Write(v1::LogStream stream, absl::string_view data, absl::Time now) {
  while (!data.empty()) {
    v1::LogChunk chunk;
    const absl::string_view part = data.substr(0, kMaxLogChunkBytes);
    data.remove_prefix(part.size());
    chunk.set_stream(stream);
    chunk.set_first_seq(next_seq_);
    chunk.set_entry_count(CountLogEntries(part));
    SetTime(now, chunk.mutable_time());
    chunk.set_data(std::string(part));
    next_seq_ += chunk.entry_count();
    waiting_.push_back(std::move(chunk));
  }
}

void CallLog::Flush(Durable durable) {
  if (waiting_.empty()) {
    durable(absl::OkStatus(), next_seq_ - 1);
    return;
  }
  const uint64_t last_seq = next_seq_ - 1;
  // Whether there is room makes no difference: the number of calls bounds what they write.
  static_cast<void>(logs_->Append(key_, limit_bytes_, std::exchange(waiting_, {}),
                                  [durable = std::move(durable), last_seq, id = key_.execution_id](
                                      const absl::StatusOr<AppendResult>& result) {
                                    if (!result.ok()) {
                                      LogWarning("the log of an HTTP job was not stored",
                                                 {{"execution", id}, {"reason", result.status()}});
                                    }
                                    durable(result.status(), last_seq);
                                  }));
}

}  // namespace cronium::controller
