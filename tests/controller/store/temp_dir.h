// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_CONTROLLER_STORE_TEMP_DIR_H_
#define CRONIUM_TESTS_CONTROLLER_STORE_TEMP_DIR_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace cronium::controller {

// A folder of a test's own, gone when destroyed.
class TempDir {
 public:
  TempDir() : TempDir(testing::TempDir()) {}
  // In memory where the system has such a place: for a test that makes many folders, and is about
  // what is in them rather than about the disk.
  static TempDir InMemory() {
    return TempDir(std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : testing::TempDir());
  }
  explicit TempDir(const std::string& parent) : path_(parent + "/cronium.XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "cannot make " << path_;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace cronium::controller

#endif  // CRONIUM_TESTS_CONTROLLER_STORE_TEMP_DIR_H_
