// SPDX-License-Identifier: Apache-2.0
#include "controller/secrets/key_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"

namespace cronium::controller {
namespace {

constexpr int64_t kMaxFileBytes = 64 << 10;
constexpr size_t kMaxKeys = 16;

constexpr char kPreface[] =
    "# The keys that seal the secrets in the database; the first one seals, all of them open.\n"
    "# Keep a copy of this file, and not beside the copies of the database.\n";

absl::StatusOr<SealingKey> ParseLine(absl::string_view line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  const absl::Status wrong = absl::InvalidArgumentError("is not KEY-ID and 64 hex digits");
  if (words.size() != 2 || words[1].size() != 64 ||
      words[1].find_first_not_of("0123456789abcdef") != std::string::npos) {
    return wrong;
  }
  absl::StatusOr<SealingKey> key = MakeSealingKey(absl::HexStringToBytes(words[1]));
  if (key.ok() && key->id != words[0]) {
    return absl::InvalidArgumentError("has a key that does not fit its id");
  }
  return key;
}

}  // namespace

absl::StatusOr<std::vector<SealingKey>> ReadSealingKeys(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return ErrnoError(path, "cannot read", errno);
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        path,
        ": others than its owner may read or write it: chmod 600 it, and if it may have "
        "been read, run `cronium-controller rotate-secrets-key`"));
  }
  absl::StatusOr<std::string> content = ReadFile(path, kMaxFileBytes);
  if (!content.ok()) return content.status();
  std::vector<SealingKey> keys;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(*content, '\n')) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    absl::StatusOr<SealingKey> key = ParseLine(line);
    if (!key.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": line ", number, " ", key.status().message()));
    }
    keys.push_back(*std::move(key));
  }
  if (keys.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": holds no key: restore it from a backup"));
  }
  return keys;
}

absl::Status WriteSealingKeys(const std::string& path, const std::vector<SealingKey>& keys) {
  if (keys.empty() || keys.size() > kMaxKeys) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": would hold ", keys.size(), " keys; 1 to ", kMaxKeys,
                     " are allowed: drop the old ones with `cronium-controller "
                     "rotate-secrets-key --drop-old-keys`"));
  }
  std::string content = kPreface;
  for (const SealingKey& key : keys) {
    absl::StrAppend(&content, key.id, " ", absl::BytesToHexString(key.bytes), "\n");
  }
  return WriteFileAtomic(path, content, 0600, /*sync=*/true);
}

absl::Status MakeSealingKeyFile(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": is there already"));
  }
  absl::StatusOr<SealingKey> key = NewSealingKey();
  if (!key.ok()) return key.status();
  return WriteSealingKeys(path, {*std::move(key)});
}

}  // namespace cronium::controller
