// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/process_cpu.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "common/file.h"

namespace cronium::bench {
namespace {

double Ticks(absl::string_view text) {
  int64_t ticks = 0;
  return absl::SimpleAtoi(text, &ticks)
             ? static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK))
             : 0;
}

// What a stat file of proc(5) says: utime + stime, cutime + cstime, and the name in its
// parentheses, which may hold anything.
struct Stat {
  std::string name;
  double seconds = 0;
  double children_seconds = 0;
};

Stat ReadStat(const std::string& path) {
  Stat stat;
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return stat;
  const size_t open = text->find('(');
  const size_t close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos) return stat;
  stat.name = text->substr(open + 1, close - open - 1);
  // What follows the name begins with field 3; utime is field 14.
  const std::vector<std::string> fields =
      absl::StrSplit(text->substr(close + 1), ' ', absl::SkipEmpty());
  if (fields.size() < 15) return stat;
  stat.seconds = Ticks(fields[11]) + Ticks(fields[12]);
  stat.children_seconds = Ticks(fields[13]) + Ticks(fields[14]);
  return stat;
}

void ReadMachine(CpuSample* sample) {
  const absl::StatusOr<std::string> text = ReadFile("/proc/stat");
  if (!text.ok()) return;
  const std::vector<std::string> fields =
      absl::StrSplit(text->substr(0, text->find('\n')), ' ', absl::SkipEmpty());
  // cpu user nice system idle iowait irq softirq steal ...
  if (fields.size() < 9) return;
  sample->machine_idle = Ticks(fields[4]);
  sample->machine_io_wait = Ticks(fields[5]);
  for (const int field : {1, 2, 3, 6, 7, 8}) sample->machine_busy += Ticks(fields[field]);
}

}  // namespace

CpuSample SampleCpu(pid_t pid) {
  CpuSample sample;
  sample.wall = static_cast<double>(absl::GetCurrentTimeNanos()) / 1e9;
  ReadMachine(&sample);
  const Stat process = ReadStat(absl::StrCat("/proc/", pid, "/stat"));
  sample.process = process.seconds;
  sample.children = process.children_seconds;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"), error)) {
    const Stat thread = ReadStat(entry.path().string() + "/stat");
    sample.threads[absl::StrCat(entry.path().filename().string(), " ", thread.name)] =
        thread.seconds;
  }
  return sample;
}

CpuUse UseBetween(const CpuSample& before, const CpuSample& after) {
  const double wall = after.wall - before.wall;
  CpuUse use;
  if (wall <= 0) return use;
  use.process = (after.process - before.process) / wall;
  use.children = (after.children - before.children) / wall;
  use.machine_busy = (after.machine_busy - before.machine_busy) / wall;
  use.machine_idle = (after.machine_idle - before.machine_idle) / wall;
  use.machine_io_wait = (after.machine_io_wait - before.machine_io_wait) / wall;
  for (const auto& [name, seconds] : after.threads) {
    const auto earlier = before.threads.find(name);
    const double used = seconds - (earlier == before.threads.end() ? 0 : earlier->second);
    use.threads.push_back({name, used / wall});
  }
  std::sort(use.threads.begin(), use.threads.end(),
            [](const ThreadUse& a, const ThreadUse& b) { return a.share > b.share; });
  return use;
}

}  // namespace cronium::bench
