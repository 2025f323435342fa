// SPDX-License-Identifier: Apache-2.0
#include "controller/secrets/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/file.h"
#include "tests/controller/store/temp_dir.h"

namespace cronium::controller {
namespace {

using testing::HasSubstr;

class KeyFile : public testing::Test {
 protected:
  std::string path() const { return dir_.path() + "/secrets.key"; }

  TempDir dir_;
};

TEST_F(KeyFile, IsMadeWithOneKeyThatOnlyItsOwnerReads) {
  ASSERT_TRUE(MakeSealingKeyFile(path()).ok());
  struct stat info = {};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto keys = ReadSealingKeys(path());
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->size(), 1u);
  EXPECT_EQ(MakeSealingKeyFile(path()).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(KeyFile, KeysComeBackInTheirOrder) {
  const SealingKey a = *NewSealingKey();
  const SealingKey b = *NewSealingKey();
  ASSERT_TRUE(WriteSealingKeys(path(), {b, a}).ok());
  const auto keys = ReadSealingKeys(path());
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0].id, b.id);
  EXPECT_EQ((*keys)[0].bytes, b.bytes);
  EXPECT_EQ((*keys)[1].bytes, a.bytes);
}

TEST_F(KeyFile, IsRefusedWhereOthersMayReadIt) {
  ASSERT_TRUE(MakeSealingKeyFile(path()).ok());
  ASSERT_EQ(chmod(path().c_str(), 0640), 0);
  const absl::Status status = ReadSealingKeys(path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("chmod 600"));
}

TEST_F(KeyFile, ADamagedLineIsNamed) {
  const SealingKey key = *NewSealingKey();
  ASSERT_TRUE(WriteSealingKeys(path(), {key}).ok());
  std::string content = *ReadFile(path());
  content.back() = content[content.size() - 2] == '0' ? '1' : '0';
  content[content.size() - 2] = content.back();
  content.back() = '\n';
  ASSERT_TRUE(WriteFileAtomic(path(), content, 0600).ok());
  EXPECT_THAT(std::string(ReadSealingKeys(path()).status().message()),
              HasSubstr("line 3 has a key that does not fit its id"));
  ASSERT_TRUE(WriteFileAtomic(path(), "# nothing\n", 0600).ok());
  EXPECT_THAT(std::string(ReadSealingKeys(path()).status().message()), HasSubstr("holds no key"));
  ASSERT_TRUE(WriteFileAtomic(path(), "zzz\n", 0600).ok());
  EXPECT_FALSE(ReadSealingKeys(path()).ok());
}

TEST_F(KeyFile, AMissingOneIsNotFound) {
  EXPECT_EQ(ReadSealingKeys(path()).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace cronium::controller
