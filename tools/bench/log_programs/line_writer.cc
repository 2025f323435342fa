// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/line_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace cronium::bench {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
// What fits into 64 KiB.
constexpr int64_t kPieceLines = 65'536 / static_cast<int64_t>(kLineBytes);

void SleepUntil(int64_t realtime_ns) {
  const timespec until = {.tv_sec = static_cast<time_t>(realtime_ns / kNsPerSecond),
                          .tv_nsec = static_cast<long>(realtime_ns % kNsPerSecond)};
  while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

bool WriteWhole(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t written = write(fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    data += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

}  // namespace

bool LineWriter::Write(const LineLoad& load) {
  if (load.begin_at_ns > RealtimeNs()) SleepUntil(load.begin_at_ns);
  if (load.bytes_per_second == 0) {
    while (written_ < load.lines) {
      if (WritePiece(load.lines - written_, RealtimeNs()) == 0) return false;
    }
    return true;
  }
  // Many sources do not write at the same moments.
  const int64_t start_ns = RealtimeNs() + getpid() * 7'919'000LL % load.burst_ns;
  const double lines_per_burst = static_cast<double>(load.bytes_per_second) /
                                 static_cast<double>(kLineBytes) *
                                 static_cast<double>(load.burst_ns) / kNsPerSecond;
  for (int64_t burst = 1; written_ < load.lines; ++burst) {
    const int64_t due_ns = start_ns + burst * load.burst_ns;
    SleepUntil(due_ns);
    const auto due = static_cast<int64_t>(lines_per_burst * static_cast<double>(burst));
    if (!WriteDue(std::min(due, load.lines) - written_, due_ns)) return false;
  }
  return true;
}

bool LineWriter::WriteDue(int64_t lines, int64_t due_ns) {
  while (lines > 0) {
    const int64_t wrote = WritePiece(lines, due_ns);
    if (wrote == 0) return false;
    lines -= wrote;
  }
  return true;
}

int64_t LineWriter::WritePiece(int64_t most, int64_t stamp_ns) {
  const auto first = static_cast<size_t>(written_) % kTextPeriod;
  const auto to_end = static_cast<int64_t>(kTextPeriod - first);
  const int64_t lines = std::min({most, kPieceLines, to_end});
  char stamp[kStampBytes];
  FormatDigits(stamp_ns, stamp, kStampBytes);
  char* const begin = block_.data() + first * kLineBytes;
  for (int64_t i = 0; i < lines; ++i) {
    char* const line = begin + static_cast<size_t>(i) * kLineBytes;
    std::memcpy(line, number_.digits(), kNumberBytes);
    std::memcpy(line + kStampAt, stamp, kStampBytes);
    number_.Increment();
  }
  if (!WriteWhole(fd_, begin, static_cast<size_t>(lines) * kLineBytes)) return 0;
  written_ += lines;
  return lines;
}

}  // namespace cronium::bench
