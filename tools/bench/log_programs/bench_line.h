// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_BENCH_LINE_H_
#define CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_BENCH_LINE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// The lines that are written at one end and checked at the other, 100 bytes each:
//
//   000000000017 1764007200123456789 WARN store[42]: replica lagging attempt=3 ...\n
//   number       CLOCK_REALTIME, ns  text that follows from the number
//
// Nothing here needs more than libc: it is part of a static program.
namespace cronium::bench {

inline constexpr size_t kLineBytes = 100;
inline constexpr size_t kNumberBytes = 12;
inline constexpr size_t kStampAt = kNumberBytes + 1;
inline constexpr size_t kStampBytes = 19;
inline constexpr size_t kTextAt = kStampAt + kStampBytes;
// Line n has the text of line n + kTextPeriod: 400 KiB of them, more than one frame of the store
// or one message, so that compression finds in them what it would find in a real log.
inline constexpr size_t kTextPeriod = 4096;

// Lines 0 to kTextPeriod - 1, whole, with zeros as number and stamp.
std::string MakeLineBlock();

// A number as lines hold it, counted up without a division.
class LineNumber {
 public:
  LineNumber() { Set(0); }
  void Set(int64_t number);
  void Increment();
  const char* digits() const { return digits_; }

 private:
  char digits_[kNumberBytes];
};

// Decimal, with leading zeros.
void FormatDigits(int64_t value, char* to, size_t count);
// -1 where one of them is no digit.
int64_t ParseDigits(std::string_view digits);

int64_t RealtimeNs();

}  // namespace cronium::bench

#endif  // CRONIUM_TOOLS_BENCH_LOG_PROGRAMS_BENCH_LINE_H_
