// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_LOG_PRINTER_H_
#define CRONIUM_TOOLS_CRONIUM_LOG_PRINTER_H_

#include <string>

#include "absl/status/status.h"
#include "cronium/v1/job_service.pb.h"
#include "tools/cronium/streams.h"

namespace cronium::cli {

// Writes a job's log as the job wrote it: its stdout to stdout, its stderr to stderr, byte for
// byte. What is ours (the mark where entries were cut out, the begin of another attempt) goes to
// stderr.
class LogPrinter {
 public:
  struct Options {
    // Puts the time of capture before each line.
    bool timestamps = false;
    // Leaves out what is ours on stderr.
    bool quiet = false;
  };
  // streams must outlive it.
  LogPrinter(Streams* streams, Options options) : streams_(streams), options_(options) {}

  absl::Status Print(const v1::FollowLogsResponse& message);

 private:
  absl::Status PrintChunk(const v1::LogChunk& chunk);
  std::string WithTimestamps(const v1::LogChunk& chunk, bool* mid_line) const;

  Streams* const streams_;
  const Options options_;
  std::string execution_id_;
  // Whether the last byte of the stream did not end a line.
  bool out_mid_line_ = false;
  bool err_mid_line_ = false;
};

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_LOG_PRINTER_H_
