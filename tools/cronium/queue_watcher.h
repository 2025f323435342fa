// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TOOLS_CRONIUM_QUEUE_WATCHER_H_
#define CRONIUM_TOOLS_CRONIUM_QUEUE_WATCHER_H_

#include <string>
#include <thread>

#include "absl/time/time.h"
#include "tools/cronium/cancellation.h"
#include "tools/cronium/client.h"
#include "tools/cronium/streams.h"

namespace cronium::cli {

// Says on stderr why a job waits, from a thread of its own, until the job leaves the queue. A job
// that starts at once is not worth a line: it speaks only after `patience`.
class QueueWatcher {
 public:
  // client and streams must outlive it.
  QueueWatcher(Client* client, Streams* streams, const v1::Job& job, absl::Duration patience);
  ~QueueWatcher();

 private:
  void Run(absl::Duration patience);

  Client* const client_;
  Streams* const streams_;
  const std::string name_space_;
  const std::string job_id_;
  Cancellation stop_;
  std::thread thread_;
};

}  // namespace cronium::cli

#endif  // CRONIUM_TOOLS_CRONIUM_QUEUE_WATCHER_H_
