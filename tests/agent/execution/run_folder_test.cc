// SPDX-License-Identifier: Apache-2.0
#include "agent/execution/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "common/file.h"

namespace cronium::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RunFolderTest : public ::testing::Test {
 protected:
  RunFolderTest() {
    std::string name = (std::filesystem::temp_directory_path() / "run-folder-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    umask(077);
    auto opened = RunFolders::Open(folder_ + "/run");
    EXPECT_TRUE(opened.ok()) << opened.status();
    folders_.emplace(*std::move(opened));
  }
  ~RunFolderTest() override { std::filesystem::remove_all(folder_); }

  mode_t Mode(const std::string& name) {
    struct stat info {};
    EXPECT_EQ(stat((folder_ + "/run" + name).c_str(), &info), 0) << name;
    return info.st_mode;
  }

  std::string folder_;
  std::optional<RunFolders> folders_;
};

TEST_F(RunFolderTest, HoldsWhatAContainerNeedsWhateverTheUmask) {
  ASSERT_TRUE(folders_->Make("exec_1", "echo hi").ok());
  EXPECT_EQ(Mode(""), S_IFDIR | 0700u);
  EXPECT_EQ(Mode("/exec_1"), S_IFDIR | 0755u);
  for (const char* fifo : {"stdout", "stderr", "status"}) {
    EXPECT_EQ(Mode(std::string("/exec_1/") + fifo), S_IFIFO | 0666u);
  }
  EXPECT_EQ(Mode("/exec_1/script"), S_IFREG | 0555u);
  EXPECT_EQ(*ReadFile(folders_->PathOf("exec_1") + "/script"), "echo hi");
  EXPECT_EQ(folders_->ReadLease("exec_1"), std::nullopt) << "it is given when it is to start";
}

TEST_F(RunFolderTest, LeadsToTheModulesForPythonAndNode) {
  ASSERT_TRUE(folders_->Make("exec_1", "").ok());
  const std::string path = folders_->PathOf("exec_1");
  EXPECT_EQ(std::filesystem::read_symlink(path + "/cronium"), "/opt/cronium/lib/python/cronium");
  EXPECT_EQ(std::filesystem::read_symlink(path + "/node_modules"),
            "/opt/cronium/lib/node/node_modules");
}

TEST_F(RunFolderTest, MayBeMadeAgain) {
  ASSERT_TRUE(folders_->Make("exec_1", "one").ok());
  ASSERT_TRUE(folders_->Make("exec_1", "two").ok());
  EXPECT_EQ(*ReadFile(folders_->PathOf("exec_1") + "/script"), "two");
  EXPECT_EQ(*ReadFile(folders_->PathOf("exec_1") + "/script.mjs"), "two");
}

TEST_F(RunFolderTest, ALeaseReadsAsItWasWritten) {
  ASSERT_TRUE(folders_->Make("exec_1", "").ok());
  ASSERT_TRUE(folders_->WriteLease("exec_1", 77).ok());
  EXPECT_EQ(folders_->ReadLease("exec_1"), 77);
  ASSERT_TRUE(folders_->WriteLease("exec_1", kLeaseForever).ok());
  EXPECT_EQ(*ReadFile(folders_->PathOf("exec_1") + "/lease"), "keep");
  EXPECT_EQ(folders_->ReadLease("exec_1"), kLeaseForever);
}

TEST_F(RunFolderTest, AMissingOrGarbledLeaseIsNone) {
  EXPECT_EQ(folders_->ReadLease("exec_1"), std::nullopt);
  ASSERT_TRUE(folders_->Make("exec_1", "").ok());
  ASSERT_TRUE(WriteFileAtomic(folders_->PathOf("exec_1") + "/lease", "soon", 0444).ok());
  EXPECT_EQ(folders_->ReadLease("exec_1"), std::nullopt);
}

TEST_F(RunFolderTest, ARemovedFolderIsListedNoMore) {
  ASSERT_TRUE(folders_->Make("exec_1", "").ok());
  EXPECT_THAT(*folders_->List(), ElementsAre("exec_1"));
  ASSERT_TRUE(folders_->Remove("exec_1").ok());
  ASSERT_TRUE(folders_->Remove("exec_1").ok());
  EXPECT_THAT(*folders_->List(), IsEmpty());
}

}  // namespace
}  // namespace cronium::agent
