// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LINE_WRITER_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LINE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "tools/bench/log_programs/bench_line.h"

namespace cronium::bench {

struct LineLoad {
  int64_t lines = 0;
  // 0: as fast as they are taken.
  int64_t bytes_per_second = 0;
  // CLOCK_REALTIME; at once where it is past.
  int64_t begin_at_ns = 0;
  // At a rate: what is due is written so often.
  int64_t burst_ns = 5'000'000;
};

// Writes bench lines to a descriptor that blocks. At full speed the stamp of a line is the time at
// which its write began; at a rate, when it was due: what a blocked write holds up counts as late.
// Not thread-safe.
class LineWriter {
 public:
  explicit LineWriter(int fd) : fd_(fd), block_(MakeLineBlock()) {}

  // False where a write failed; errno says why.
  bool Write(const LineLoad& load);

 private:
  bool WriteDue(int64_t lines, int64_t due_ns);
  // The next lines in one piece, at most kPieceLines; how many it was, 0 for a failure.
  int64_t WritePiece(int64_t most, int64_t stamp_ns);

  const int fd_;
  // Numbers and stamps are put in where the lines are.
  std::string block_;
  int64_t written_ = 0;
  LineNumber number_;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LINE_WRITER_H_
