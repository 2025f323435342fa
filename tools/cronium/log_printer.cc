// SPDX-License-Identifier: Apache-2.0
#include "tools/cronium/log_printer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tools/cronium/format.h"

namespace cronium::cli {

absl::Status LogPrinter::Print(const v1::FollowLogsResponse& message) {
  const std::string& execution_id = message.execution_id();
  if (!execution_id.empty() && execution_id != execution_id_) {
    if (!execution_id_.empty() && !options_.quiet) {
      streams_->Notice(
          absl::StrCat("another attempt begins: ", execution_id, " after ", execution_id_));
    }
    execution_id_ = execution_id;
  }
  for (const v1::LogChunk& chunk : message.chunks()) {
    if (absl::Status status = PrintChunk(chunk); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status LogPrinter::PrintChunk(const v1::LogChunk& chunk) {
  if (chunk.has_cut()) {
    if (options_.quiet) return absl::OkStatus();
    if (chunk.cut().collected()) {
      streams_->Notice(absl::StrCat("the log is not kept any more: retention removed its entries ",
                                    chunk.cut().first_seq(), " to ", chunk.cut().last_seq()));
    } else {
      streams_->Notice(absl::StrCat("the log outgrew its limit: entries ", chunk.cut().first_seq(),
                                    " to ", chunk.cut().last_seq(), " (", Size(chunk.cut().bytes()),
                                    ") were not kept"));
    }
    return absl::OkStatus();
  }
  const bool err = chunk.stream() == v1::LOG_STREAM_STDERR;
  bool* const mid_line = err ? &err_mid_line_ : &out_mid_line_;
  if (!options_.timestamps) {
    return err ? streams_->Err(chunk.data()) : streams_->Out(chunk.data());
  }
  const std::string text = WithTimestamps(chunk, mid_line);
  return err ? streams_->Err(text) : streams_->Out(text);
}

std::string LogPrinter::WithTimestamps(const v1::LogChunk& chunk, bool* mid_line) const {
  const std::string stamp = absl::StrCat(
      absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", ToTime(chunk.time()), absl::UTCTimeZone()), " ");
  std::string out;
  for (absl::string_view rest = chunk.data(); !rest.empty();) {
    if (!*mid_line) out += stamp;
    const size_t newline = rest.find('\n');
    const size_t length = newline == absl::string_view::npos ? rest.size() : newline + 1;
    out.append(rest.data(), length);
    rest.remove_prefix(length);
    *mid_line = newline == absl::string_view::npos;
  }
  return out;
}

}  // namespace cronium::cli
