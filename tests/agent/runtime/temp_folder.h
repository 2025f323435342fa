// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_AGENT_RUNTIME_TEMP_FOLDER_H_
#define CRONIUM_TESTS_AGENT_RUNTIME_TEMP_FOLDER_H_

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace cronium::agent {

// A folder of its own under /tmp (a socket's path must be short), deleted with all it holds.
class TempFolder {
 public:
  TempFolder() {
    char path[] = "/tmp/cronium-test-XXXXXX";
    path_ = mkdtemp(path) != nullptr ? path : "";
  }
  ~TempFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string path(const std::string& name = "") const {
    return name.empty() ? path_ : path_ + "/" + name;
  }

 private:
  std::string path_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_TESTS_AGENT_RUNTIME_TEMP_FOLDER_H_
