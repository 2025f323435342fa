// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_PROCESS_SECRETS_KEYS_H_
#define CRONIUM_CONTROLLER_PROCESS_SECRETS_KEYS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/core/store.h"
#include "controller/process/data_dir.h"
#include "controller/secrets/sealer.h"

namespace cronium::controller {

// The sealer with the data folder's keys. A folder that has no key file yet, since an older
// controller made it, gets one; FAILED_PRECONDITION where the file is missing and there are secrets
// that were sealed with it.
absl::StatusOr<std::unique_ptr<Sealer>> OpenSealer(const DataDir& data, Store* store);

struct RotateOptions {
  // Forget the keys that nothing is sealed with any more. Copies of the database that are older
  // than this cannot be read with what is left.
  bool drop_old_keys = false;
  // Delete credentials that no key opens.
  bool discard_unreadable = false;
};
struct RotateResult {
  std::string key_id;
  int sealed = 0;
  int discarded = 0;
  size_t keys = 0;
};

// Makes a new key and seals every secret with it. For a controller that does not run:
// FAILED_PRECONDITION where one does, or where a secret cannot be opened. Broken off anywhere, it
// leaves everything readable, and can be run again.
absl::StatusOr<RotateResult> RotateSecretsKey(const DataDir& data, const RotateOptions& options);

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_PROCESS_SECRETS_KEYS_H_
