// SPDX-License-Identifier: Apache-2.0
#include "controller/api/result_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "common/json.h"
#include "controller/api/presenter.h"
#include "controller/core/result.h"

namespace cronium::controller {
namespace {

// Both streams, and their text in which a byte may become three, stay under the 4 MiB that gRPC
// clients take by default.
constexpr size_t kMaxStreamBytes = 480 << 10;
constexpr int64_t kResultReadBytes = 4 << 20;
// The same for the body of an HTTP answer, which is in the result twice as text, and once more in
// output_json.
constexpr size_t kMaxBodyBytes = 384 << 10;

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

// Calls take(chunk) for each chunk of the log.
template <typename Take>
absl::Status ReadLog(const Services& services, const LogKey& key, Take take) {
  uint64_t after_seq = 0;
  while (true) {
    absl::StatusOr<ReadResult> read = services.logs->Read(key, after_seq, kResultReadBytes);
    if (!read.ok()) return read.status();
    for (const v1::LogChunk& chunk : read->chunks) take(chunk);
    if (read->chunks.empty()) return absl::OkStatus();
    after_seq = read->next_after_seq;
  }
}

// The result of an HTTP job: the answer's body is its log's stdout.
absl::StatusOr<v1::JobResult> ReadHttpResult(const Services& services, const v1::Job& job,
                                             const v1::Execution& execution) {
  std::string body;
  size_t bytes = 0;
  const absl::Status read = ReadLog(services, LogKeyOf(execution), [&](const v1::LogChunk& chunk) {
    if (chunk.stream() != v1::LOG_STREAM_STDOUT) return;
    bytes += chunk.data().size();
    body.append(chunk.data(), 0, kMaxBodyBytes - std::min(kMaxBodyBytes, body.size()));
  });
  if (!read.ok()) return read;
  v1::CompletionOutput output;
  output.set_text(ToUtf8Lossy(body));
  // Within a JSON string the quotes would be escaped, so this is the member itself.
  const bool cut = bytes > body.size() ||
                   absl::StrContains(execution.output_json(), "\"response_truncated\":true");
  return MakeJobResult(job, execution, std::move(output), cut);
}

}  // namespace

absl::StatusOr<v1::JobResult> ReadJobResult(const Services& services, const v1::Job& job) {
  v1::CompletionOutput output;
  v1::Execution execution;
  if (job.spec().has_http()) {
    output.set_text("");
  } else {
    output.mutable_streams();
  }
  if (job.execution_id().empty()) return MakeJobResult(job, execution, std::move(output), false);
  absl::StatusOr<v1::Execution> stored = services.store->GetExecution(job.execution_id());
  if (!stored.ok()) return stored.status();
  execution = *std::move(stored);
  PresentExecution(services, &execution);
  if (job.spec().has_http()) return ReadHttpResult(services, job, execution);
  Tail stdout_tail;
  Tail stderr_tail;
  const absl::Status read = ReadLog(services, LogKeyOf(execution), [&](const v1::LogChunk& chunk) {
    (chunk.stream() == v1::LOG_STREAM_STDERR ? stderr_tail : stdout_tail).Append(chunk.data());
  });
  if (!read.ok()) return read;
  output.mutable_streams()->set_stdout(stdout_tail.Take());
  output.mutable_streams()->set_stderr(stderr_tail.Take());
  return MakeJobResult(job, execution, std::move(output), stdout_tail.cut() || stderr_tail.cut());
}

}  // namespace cronium::controller
