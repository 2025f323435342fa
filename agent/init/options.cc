// SPDX-License-Identifier: Apache-2.0
#include "agent/init/options.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <string_view>

namespace cronium::agent::init {
namespace {

constexpr size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr const char* kDefaultRelay = "127.0.0.1:8081";

// Decimal digits only, at most `max`; nullopt for anything else.
std::optional<int64_t> ParseNumber(std::string_view text, int64_t max) {
  if (text.empty()) return std::nullopt;
  int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
    if (value > max) return std::nullopt;
  }
  return value;
}

std::optional<sockaddr_in> ParseRelay(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::optional<int64_t> port = ParseNumber(std::string_view(text).substr(colon + 1), 65535);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (!port || inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    return std::nullopt;
  }
  address.sin_port = htons(static_cast<uint16_t>(*port));
  return address;
}

std::string SetPath(const std::string& name, const std::string& value, std::string* target) {
  if (value.empty() || value[0] != '/') {
    return name + " must be an absolute path, not '" + value + "'";
  }
  *target = value;
  return "";
}

std::string SetOption(const std::string& name, const std::string& value, Options* options) {
  if (name == "--job-dir") return SetPath(name, value, &options->job_dir);
  if (name == "--workdir") return SetPath(name, value, &options->workdir);
  if (name == "--api-socket") {
    if (value.size() > kMaxSocketPath) {
      return name + " is longer than a socket's path can be (" + std::to_string(kMaxSocketPath) +
             " bytes)";
    }
    return SetPath(name, value, &options->api_socket);
  }
  if (name == "--relay") {
    options->relay.reset();
    if (value == "none") return "";
    options->relay = ParseRelay(value);
    if (options->relay) return "";
    return name + " must be an IPv4 address and a port, like " + kDefaultRelay +
           ", or none; not '" + value + "'";
  }
  if (name == "--stop-grace-ms") {
    const std::optional<int64_t> grace = ParseNumber(value, kMaxStopGraceMs);
    if (!grace) {
      return name + " must be a number from 0 to " + std::to_string(kMaxStopGraceMs) + ", not '" +
             value + "'";
    }
    options->stop_grace_ms = *grace;
    return "";
  }
  return "unknown option '" + name + "' (a command to run comes after --)";
}

}  // namespace

std::string ParseOptions(int argc, char* const* argv, Options* options) {
  options->relay = ParseRelay(kDefaultRelay);
  int i = 1;
  for (; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--") {
      ++i;
      break;
    }
    if (name == "--help" || name == "--version") {
      (name == "--help" ? options->help : options->version) = true;
      return "";
    }
    std::string value;
    const size_t equals = name.find('=');
    if (equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      return name + " needs a value";
    }
    std::string error = SetOption(name, value, options);
    if (!error.empty()) return error;
  }
  options->command.assign(argv + i, argv + argc);
  return "";
}

const char* UsageText() {
  return "Usage: cronium-init [options] -- [COMMAND [ARG...]]\n"
         "\n"
         "Runs one job as pid 1 of its container: COMMAND, or the job folder's script when\n"
         "there is none. Exits with the job's code, or 128+n when signal n ended it.\n"
         "\n"
         "  --job-dir DIR        FIFOs stdout, stderr, status; script; lease\n"
         "                       (default /run/cronium/job)\n"
         "  --workdir DIR        working folder of the job (default /workspace)\n"
         "  --api-socket PATH    the runtime gateway's socket\n"
         "                       (default /run/cronium/api/runtime.sock)\n"
         "  --relay ADDR:PORT    where connections to that socket are taken, or none\n"
         "                       (default 127.0.0.1:8081)\n"
         "  --stop-grace-ms N    between TERM and KILL when the lease ends (default 10000)\n"
         "  --help, --version\n";
}

}  // namespace cronium::agent::init
