// SPDX-License-Identifier: Apache-2.0
#include "agent/session/node_facts.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/file.h"

namespace cronium::agent {
namespace {

// PRETTY_NAME of os-release(5).
std::string OsName() {
  const absl::StatusOr<std::string> text = ReadFile("/etc/os-release", 65536);
  if (!text.ok()) return "";
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (!absl::ConsumePrefix(&line, "PRETTY_NAME=")) continue;
    absl::ConsumePrefix(&line, "\"");
    absl::ConsumeSuffix(&line, "\"");
    return std::string(line);
  }
  return "";
}

}  // namespace

v1::NodeFacts GatherNodeFacts() {
  v1::NodeFacts facts;
  utsname names{};
  if (uname(&names) == 0) {
    facts.set_hostname(names.nodename);
    facts.set_kernel(names.release);
    facts.set_arch(names.machine);
  }
  facts.set_os(OsName());
  facts.set_agent_version(CRONIUM_VERSION);
  return facts;
}

absl::StatusOr<std::string> ReadBootId() {
  absl::StatusOr<std::string> text = ReadFile("/proc/sys/kernel/random/boot_id", 256);
  if (!text.ok()) return text.status();
  return std::string(absl::StripAsciiWhitespace(*text));
}

v1::NodeCapacity HostCapacity() {
  v1::NodeCapacity capacity;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
    capacity.set_cpu_millis(CPU_COUNT(&cpus) * 1000);
  }
  capacity.set_memory_bytes(static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE));
  return capacity;
}

}  // namespace cronium::agent
