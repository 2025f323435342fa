// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_COMMON_RPC_SLOW_FORWARDER_H_
#define CRONIUM_TESTS_COMMON_RPC_SLOW_FORWARDER_H_

#include <chrono>
#include <string>
#include <thread>

#include "common/file.h"

namespace cronium {

// A long way to a server: takes connections on a port of its own, one at a time, and passes on what
// either side says only after `delay`.
class SlowForwarder {
 public:
  // target: 127.0.0.1:PORT.
  SlowForwarder(const std::string& target, std::chrono::milliseconds delay);
  ~SlowForwarder();

  std::string address() const;

 private:
  void Run();
  void Serve(int client, int server);
  // False where the side ended.
  bool PassOn(int from, int to);

  const int target_port_;
  const std::chrono::milliseconds delay_;
  UniqueFd listener_;
  // Readable once this is to stop.
  UniqueFd stop_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace cronium

#endif  // CRONIUM_TESTS_COMMON_RPC_SLOW_FORWARDER_H_
