// SPDX-License-Identifier: Apache-2.0
#include "controller/core/result.h"

#include <utility>

#include "common/json.h"

namespace cronium::controller {

std::string RenderOutput(const v1::CompletionOutput& output) {
  if (output.shape_case() == v1::CompletionOutput::kText) return output.text();
  std::string text = ToUtf8Lossy(output.streams().stdout());
  if (!output.streams().stderr().empty()) {
    if (!text.empty() && text.back() != '\n') text += '\n';
    text += "--- STDERR ---\n";
    text += ToUtf8Lossy(output.streams().stderr());
  }
  return text;
}

v1::JobResult MakeJobResult(const v1::Job& job, const v1::Execution& execution,
                            v1::CompletionOutput output, bool output_truncated) {
  v1::JobResult result;
  result.set_job_id(job.id());
  result.set_execution_id(job.execution_id());
  result.set_state(job.state());
  result.set_end_reason(job.end_reason());
  if (job.has_exit_code()) result.set_exit_code(job.exit_code());
  result.set_message(job.state_message());
  result.set_text(RenderOutput(output));
  *result.mutable_output() = std::move(output);
  result.set_output_json(execution.output_json());
  if (execution.has_condition()) result.set_condition(execution.condition());
  *result.mutable_create_time() = job.create_time();
  if (job.has_start_time()) *result.mutable_start_time() = job.start_time();
  *result.mutable_end_time() = job.end_time();
  *result.mutable_log() = execution.log();
  result.set_truncated(output_truncated || execution.log().truncated() ||
                       execution.log().collected());
  return result;
}

}  // namespace cronium::controller
