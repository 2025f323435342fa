// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LINE_CHECK_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LINE_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "tools/bench/log_programs/bench_line.h"
#include "tools/bench/log_programs/lag_histogram.h"

namespace cronium::bench {

// What was wrong with lines, and how many came. Of one log, or the sum over several.
struct LineCounts {
  int64_t lines = 0;
  int64_t bytes = 0;
  int64_t lost = 0;
  int64_t repeated = 0;
  // Of the right number, but other bytes than were written.
  int64_t damaged = 0;
  // Of the earliest line and of the last one that came.
  int64_t first_stamp_ns = std::numeric_limits<int64_t>::max();
  int64_t last_stamp_ns = 0;
  int64_t last_receipt_ns = 0;

  void Add(const LineCounts& other);
};

// Checks every byte of one source's bench lines, in whatever pieces they come. Not thread-safe.
class LineCheck {
 public:
  // block: MakeLineBlock. Both must outlive this; the histogram is of all checks.
  LineCheck(const std::string* block, LagHistogram* lags) : block_(block), lags_(lags) {}

  // What came next, at receipt_ns. The lag of its lines is taken from the first and the last that
  // end in it, for one half of them each: lines that come together were written together.
  void Add(std::string_view bytes, int64_t receipt_ns);
  // The log is over, and should have had so many lines: what is missing is lost.
  void End(int64_t lines);

  const LineCounts& counts() const { return counts_; }

 private:
  void Check(const char* line);
  void CheckNumber(const char* line);

  const std::string* const block_;
  LagHistogram* const lags_;
  LineCounts counts_;
  // The next line's, and where its text is.
  int64_t number_ = 0;
  LineNumber digits_;
  size_t text_index_ = 0;
  // The begin of a line of which the rest has not come.
  std::string begun_;
};

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_LINE_CHECK_H_
