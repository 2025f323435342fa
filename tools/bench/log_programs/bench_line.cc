// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/bench_line.h"

#include <ctime>

namespace cronium::bench {
namespace {

constexpr const char* kLevels[] = {"INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"};
constexpr const char* kComponents[] = {"store", "worker", "scheduler", "http", "cache", "queue"};
constexpr const char* kWords[] = {
    "request", "served", "replica",  "lagging",   "retry",     "connection", "closed", "user",
    "session", "opened", "batch",    "committed", "rows",      "index",      "built",  "page",
    "cache",   "miss",   "evicted",  "key",       "timeout",   "upstream",   "slow",   "answer",
    "job",     "queued", "finished", "worker",    "heartbeat", "received",   "disk",   "flushed"};
constexpr const char* kFields[] = {"id", "ms", "bytes", "attempt", "status", "shard"};

// A fixed sequence: both ends make the same texts.
class Sequence {
 public:
  uint32_t Next(uint32_t below) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<uint32_t>(state_ >> 33) % below;
  }
  template <size_t n>
  const char* Pick(const char* const (&words)[n]) {
    return words[Next(n)];
  }

 private:
  uint64_t state_ = 2026;
};

std::string MakeText(Sequence* sequence) {
  std::string text = std::string(" ") + sequence->Pick(kLevels) + " " +
                     sequence->Pick(kComponents) + "[" + std::to_string(sequence->Next(100)) + "]:";
  while (text.size() < kLineBytes - kTextAt) {
    text += std::string(" ") + sequence->Pick(kWords);
    if (sequence->Next(3) == 0) {
      text += std::string(" ") + sequence->Pick(kFields) + "=" +
              std::to_string(sequence->Next(100'000));
    }
  }
  text.resize(kLineBytes - kTextAt - 1);
  return text + "\n";
}

}  // namespace

std::string MakeLineBlock() {
  Sequence sequence;
  std::string block;
  block.reserve(kTextPeriod * kLineBytes);
  for (size_t i = 0; i < kTextPeriod; ++i) {
    block.append(kNumberBytes, '0')
        .append(" ")
        .append(kStampBytes, '0')
        .append(MakeText(&sequence));
  }
  return block;
}

void LineNumber::Set(int64_t number) { FormatDigits(number, digits_, kNumberBytes); }

void LineNumber::Increment() {
  for (size_t i = kNumberBytes; i-- > 0;) {
    if (digits_[i] != '9') {
      ++digits_[i];
      return;
    }
    digits_[i] = '0';
  }
}

void FormatDigits(int64_t value, char* to, size_t count) {
  for (size_t i = count; i-- > 0; value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

int64_t ParseDigits(std::string_view digits) {
  int64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

int64_t RealtimeNs() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace cronium::bench
