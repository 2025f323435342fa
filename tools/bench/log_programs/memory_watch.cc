// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/memory_watch.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"

namespace cronium::bench {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds(100);

double ResidentMiB(pid_t pid) {
  const absl::StatusOr<std::string> text = ReadFile(absl::StrCat("/proc/", pid, "/statm"));
  if (!text.ok()) return 0;
  const std::vector<std::string> fields = absl::StrSplit(*text, ' ');
  int64_t pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) return 0;
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace

MemoryWatch::MemoryWatch(pid_t pid) : pid_(pid), thread_([this] { Run(); }) {}

MemoryWatch::~MemoryWatch() { Stop(); }

void MemoryWatch::Stop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void MemoryWatch::Run() {
  MutexLock lock(&mutex_);
  do {
    samples_.push_back(ResidentMiB(pid_));
    changed_.WaitFor(&mutex_, kPeriod);
  } while (!stopping_);
  samples_.push_back(ResidentMiB(pid_));
}

double MemoryWatch::AtQuarter() const { return samples_[samples_.size() / 4]; }
double MemoryWatch::AtEnd() const { return samples_.back(); }
double MemoryWatch::AtMost() const { return *std::max_element(samples_.begin(), samples_.end()); }

}  // namespace cronium::bench
