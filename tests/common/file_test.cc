// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace cronium {
namespace {

using ::testing::HasSubstr;

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "file-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(FileTest, WhatIsWrittenIsReadBackByteForByte) {
  const std::string path = folder_ + "/a";
  const std::string content("bytes\0\n\xFF", 8);
  ASSERT_TRUE(WriteFileAtomic(path, content, 0640, /*sync=*/true).ok());
  EXPECT_EQ(ReadFile(path).value(), content);
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
}

TEST_F(FileTest, AReplacedFileLeavesNoTemporaryOne) {
  const std::string path = folder_ + "/a";
  ASSERT_TRUE(WriteFileAtomic(path, "old", 0600).ok());
  ASSERT_TRUE(WriteFileAtomic(path, "new", 0600).ok());
  EXPECT_EQ(ReadFile(path).value(), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(FileTest, AMissingFileIsNotFoundAndNamed) {
  const absl::Status status = ReadFile(folder_ + "/none").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("/none: cannot open"));
}

TEST_F(FileTest, AFileOverTheLimitIsRefused) {
  const std::string path = folder_ + "/a";
  ASSERT_TRUE(WriteFileAtomic(path, std::string(101, 'x'), 0600).ok());
  EXPECT_TRUE(ReadFile(path, 101).ok());
  EXPECT_EQ(ReadFile(path, 100).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(FileTest, FoldersAreMadeWithTheirParentsAndMayExist) {
  const std::string path = folder_ + "/a/b/c";
  EXPECT_TRUE(MakeDirectories(path, 0755).ok());
  EXPECT_TRUE(MakeDirectories(path, 0755).ok());
  EXPECT_TRUE(std::filesystem::is_directory(path));
  EXPECT_TRUE(SyncDirectory(path).ok());
}

TEST_F(FileTest, ADescriptorIsClosedByItsOwnerAndOnlyOnce) {
  int raw;
  {
    UniqueFd fd(open("/dev/null", O_RDONLY));
    raw = fd.get();
    UniqueFd moved(std::move(fd));
    EXPECT_FALSE(fd.valid());  // NOLINT(bugprone-use-after-move): what a move leaves is the point
    EXPECT_EQ(moved.get(), raw);
    EXPECT_NE(fcntl(raw, F_GETFD), -1);
  }
  EXPECT_EQ(fcntl(raw, F_GETFD), -1);
}

}  // namespace
}  // namespace cronium
