// SPDX-License-Identifier: Apache-2.0
#include "controller/api/result_reader.h"

#include <string>
#include <utility>

#include "controller/api/presenter.h"
#include "controller/core/result.h"

namespace cronium::controller {
namespace {

// Both streams, and their text in which a byte may become three, stay under the 4 MiB that gRPC
// clients take by default.
constexpr size_t kMaxStreamBytes = 480 << 10;
constexpr int64_t kReadBytes = 4 << 20;

// Keeps the last kMaxStreamBytes of what is appended.
class Tail {
 public:
  void Append(absl::string_view data) {
    text_.append(data.data(), data.size());
    if (text_.size() > 4 * kMaxStreamBytes) Trim();
  }
  std::string Take() {
    if (text_.size() > kMaxStreamBytes) Trim();
    return std::move(text_);
  }
  bool cut() const { return cut_; }

 private:
  void Trim() {
    text_.erase(0, text_.size() - kMaxStreamBytes);
    cut_ = true;
  }

  std::string text_;
  bool cut_ = false;
};

}  // namespace

absl::StatusOr<v1::JobResult> ReadJobResult(const Services& services, const v1::Job& job) {
  v1::CompletionOutput output;
  v1::Execution execution;
  output.mutable_streams();
  if (job.execution_id().empty()) return MakeJobResult(job, execution, std::move(output), false);
  absl::StatusOr<v1::Execution> stored = services.store->GetExecution(job.execution_id());
  if (!stored.ok()) return stored.status();
  execution = *std::move(stored);
  PresentExecution(services, &execution);
  const LogKey key = LogKeyOf(execution);
  Tail stdout_tail;
  Tail stderr_tail;
  uint64_t after_seq = 0;
  while (true) {
    absl::StatusOr<ReadResult> read = services.logs->Read(key, after_seq, kReadBytes);
    if (!read.ok()) return read.status();
    for (const v1::LogChunk& chunk : read->chunks) {
      (chunk.stream() == v1::LOG_STREAM_STDERR ? stderr_tail : stdout_tail).Append(chunk.data());
    }
    if (read->chunks.empty()) break;
    after_seq = read->next_after_seq;
  }
  output.mutable_streams()->set_stdout(stdout_tail.Take());
  output.mutable_streams()->set_stderr(stderr_tail.Take());
  return MakeJobResult(job, execution, std::move(output), stdout_tail.cut() || stderr_tail.cut());
}

}  // namespace cronium::controller
