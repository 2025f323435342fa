// SPDX-License-Identifier: Apache-2.0
#include "agent/init/oom_kills.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "agent/init/unique_fd.h"

namespace cronium::agent::init {
namespace {

// The cgroup's own folder, as engines show it to its container.
constexpr const char* kFiles[] = {"/sys/fs/cgroup/memory.events",
                                  "/sys/fs/cgroup/memory/memory.oom_control"};

}  // namespace

int64_t ParseOomKills(std::string_view text) {
  constexpr std::string_view kKey = "oom_kill ";
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    if (line.empty() || line.size() > 18) return -1;
    int64_t count = 0;
    for (const char c : line) {
      if (c < '0' || c > '9') return -1;
      count = count * 10 + (c - '0');
    }
    return count;
  }
  return -1;
}

int64_t CountOomKills() {
  for (const char* path : kFiles) {
    const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
    char buffer[1024];  // both files are a few short lines
    const ssize_t length = fd.ok() ? read(fd.get(), buffer, sizeof(buffer)) : 0;
    if (length <= 0) continue;
    const int64_t count = ParseOomKills({buffer, static_cast<size_t>(length)});
    if (count >= 0) return count;
  }
  return 0;
}

}  // namespace cronium::agent::init
