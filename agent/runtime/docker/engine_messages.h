// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_AGENT_RUNTIME_DOCKER_ENGINE_MESSAGES_H_
#define CRONIUM_AGENT_RUNTIME_DOCKER_ENGINE_MESSAGES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/runtime/container_runtime.h"

// The JSON of the Docker Engine API: https://docs.docker.com/engine/api/v1.41/. Pure functions;
// what the engine sends is not trusted to have any shape.
namespace cronium::agent {

// Versions of the API that we were written against. The engine's own range must overlap.
struct ApiVersion {
  int major = 1;
  int minor = 40;
  friend bool operator<(const ApiVersion& a, const ApiVersion& b) {
    return a.major != b.major ? a.major < b.major : a.minor < b.minor;
  }
};
inline constexpr ApiVersion kOldestApi{1, 40};
inline constexpr ApiVersion kNewestApi{1, 47};

struct VersionInfo {
  EngineInfo engine;
  // The newest that both sides know.
  ApiVersion api;
};

// GET /version. FAILED_PRECONDITION where there is no version in common.
absl::StatusOr<VersionInfo> ParseVersion(absl::string_view body);

// Makes the config's user the owner of each tmpfs. Docker gives a tmpfs the mode of the folder that
// the image has in its place, whatever mode= says, and root as its owner; so the user could not
// write to it.
void OwnTmpfs(ContainerConfig* config);

// POST /containers/create. `hosts_file` is mounted over /etc/hosts where it is not empty; the
// engine's own network set-up is left out then. INVALID_ARGUMENT names the field.
absl::StatusOr<std::string> CreateBody(const ContainerConfig& config,
                                       const std::string& hosts_file);

// The container's id from the answer to create.
absl::StatusOr<std::string> ParseCreated(absl::string_view body);

struct Inspected {
  std::string id;
  std::map<std::string, std::string> labels;
  ContainerState state = ContainerState::kCreated;
  ExitInfo exit;
};
// GET /containers/{name}/json.
absl::StatusOr<Inspected> ParseInspect(absl::string_view body);

// Query value for GET /containers/json, not yet percent-encoded.
std::string LabelFilter(const std::map<std::string, std::string>& labels);
absl::StatusOr<std::vector<ContainerInfo>> ParseList(absl::string_view body);

// The exit code of POST /containers/{name}/wait.
absl::StatusOr<int> ParseWait(absl::string_view body);

// The engine's words: `message` of an error's body, else the start of the body.
std::string ErrorMessage(absl::string_view body);

// What to ask for so that exactly one image is pulled: `name` without tag means the tag latest, not
// all of them.
struct ImageReference {
  std::string name;
  std::string tag;  // Or digest.
};
// INVALID_ARGUMENT for what cannot be an image name.
absl::StatusOr<ImageReference> ParseImageReference(absl::string_view image);

// Reads the answer to POST /images/create: a stream of JSON objects, one per line.
class PullProgress {
 public:
  void Append(absl::string_view data);
  // Newest phase, and bytes over all layers.
  ImageProgress progress() const;
  // What the engine said went wrong; empty where nothing did.
  const std::string& error() const { return error_; }

 private:
  void OnLine(absl::string_view line);

  // A line longer than this is skipped.
  static constexpr size_t kMaxLine = 64 * 1024;
  struct Layer {
    int64_t done = 0;
    int64_t total = 0;
  };
  std::string partial_;
  bool skipping_ = false;
  std::string phase_;
  std::string error_;
  absl::flat_hash_map<std::string, Layer> layers_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_AGENT_RUNTIME_DOCKER_ENGINE_MESSAGES_H_
