// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_SECRETS_KEY_FILE_H_
#define CRONIUM_CONTROLLER_SECRETS_KEY_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/secrets/sealer.h"

// The file with the keys that seal secrets. It lies beside the database, not in it, so that a copy
// of the database alone gives no secret away. A key a line, as `ID 64-HEX-DIGITS`, the one that
// seals first; lines that begin with # are for people.
namespace cronium::controller {

// NOT_FOUND where there is no such file. FAILED_PRECONDITION where others than its owner may read
// it, or where it is damaged; that names the line.
absl::StatusOr<std::vector<SealingKey>> ReadSealingKeys(const std::string& path);

// Replaces the file, durably, with mode 0600. At most 16 keys.
absl::Status WriteSealingKeys(const std::string& path, const std::vector<SealingKey>& keys);

// Makes the file with one new key; ALREADY_EXISTS where it is there.
absl::Status MakeSealingKeyFile(const std::string& path);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_SECRETS_KEY_FILE_H_
