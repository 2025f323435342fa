// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_RUNTIME_GATEWAY_HELPERS_HELPER_RUN_H_
#define CRONIUM_TESTS_RUNTIME_GATEWAY_HELPERS_HELPER_RUN_H_

#include <map>
#include <string>
#include <vector>

namespace cronium::gateway::helpers {

struct RunResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};

// Runs `words` with exactly `environment`, and `input` as its standard input.
RunResult RunProgram(const std::vector<std::string>& words,
                     const std::map<std::string, std::string>& environment,
                     const std::string& input = "");

// A temporary folder, gone with the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_TESTS_RUNTIME_GATEWAY_HELPERS_HELPER_RUN_H_
