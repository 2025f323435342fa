// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_CONTROLLER_PROCESS_DATA_DIR_H_
#define CRONIUM_CONTROLLER_PROCESS_DATA_DIR_H_

#include <string>

namespace cronium::controller {

// Where everything of a controller is. Only its user may read the folder.
struct DataDir {
  std::string path;

  std::string ca_certificate() const { return path + "/ca.crt"; }
  std::string ca_key() const { return path + "/ca.key"; }
  std::string certificate() const { return path + "/controller.crt"; }
  std::string key() const { return path + "/controller.key"; }
  // Signs execution tokens.
  std::string token_key() const { return path + "/token-signing.key"; }
  // The API token that init made; only for who administers the cluster from this host.
  std::string admin_token() const { return path + "/admin.token"; }
  // Seals the secrets in the database.
  std::string secrets_key() const { return path + "/secrets.key"; }
  std::string database() const { return path + "/cronium.db"; }
  std::string logs() const { return path + "/logs"; }
};

}  // namespace cronium::controller

#endif  // CRONIUM_CONTROLLER_PROCESS_DATA_DIR_H_
