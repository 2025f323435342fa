// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_STREAMS_H_
#define CRONIUM_TOOLS_CRONIUM_STREAMS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"

namespace cronium::cli {

// Where a command reads and writes. Bytes go out as they are and at once. Thread-safe.
class Streams {
 public:
  virtual ~Streams() = default;

  absl::Status Out(absl::string_view bytes);
  absl::Status Err(absl::string_view bytes);
  // A line of ours on stderr: "cronium: TEXT". Begins a line of its own where the last bytes on
  // stderr ended in the middle of one. A notice that cannot be written is lost: there is no better
  // place to say so.
  void Notice(absl::string_view text);

  // All of stdin; RESOURCE_EXHAUSTED where it has more than max_bytes.
  virtual absl::StatusOr<std::string> ReadStdin(int64_t max_bytes) = 0;

 private:
  virtual absl::Status WriteOut(absl::string_view bytes) = 0;
  virtual absl::Status WriteErr(absl::string_view bytes) = 0;

  Mutex mutex_;
  bool err_mid_line_ ABSL_GUARDED_BY(mutex_) = false;
};

// The process's own descriptors 0, 1 and 2.
class ProcessStreams : public Streams {
 public:
  absl::StatusOr<std::string> ReadStdin(int64_t max_bytes) override;

 private:
  absl::Status WriteOut(absl::string_view bytes) override;
  absl::Status WriteErr(absl::string_view bytes) override;
};

// Whether a status of Out or Err says that nobody reads any more.
bool IsClosedPipe(const absl::Status& status);

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_STREAMS_H_
