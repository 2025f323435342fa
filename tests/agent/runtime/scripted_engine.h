// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_AGENT_RUNTIME_SCRIPTED_ENGINE_H_
#define CRONIUM_TESTS_AGENT_RUNTIME_SCRIPTED_ENGINE_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/file.h"
#include "common/mutex.h"

namespace cronium::agent {

// An HTTP server on a unix socket that answers as the test says: for what a real engine does only
// when it breaks.
class ScriptedEngine {
 public:
  // One request, and the connection to answer it on.
  class Exchange {
   public:
    Exchange(std::string method, std::string path, std::string body, int fd)
        : method(std::move(method)), path(std::move(path)), body(std::move(body)), fd_(fd) {}
    const std::string method;
    const std::string path;
    const std::string body;
    // A whole answer.
    void Reply(int code, const std::string& json);
    // An answer in chunks: head, any number of chunks, end.
    void Head(int code);
    void Chunk(const std::string& data);
    void End();
    // Closes the connection where it is.
    void Break();
    // Waits until the client has closed the connection.
    void AwaitClose();

   private:
    int fd_;
  };
  // Called on a thread per connection; not under any lock.
  using Handler = std::function<void(Exchange&)>;

  ScriptedEngine(const std::string& socket_path, Handler handler);
  // Closes every connection: a handler that waits in AwaitClose returns.
  ~ScriptedEngine();

  // "GET /version", ... as they came.
  std::vector<std::string> Requests() const;

  // What the answer to GET /version is made of.
  static std::string Version(const std::string& min_api, const std::string& max_api);

 private:
  void Accept();
  void Serve(int fd);

  const Handler handler_;
  UniqueFd listener_;
  std::thread acceptor_;
  mutable Mutex mutex_;
  std::vector<int> connections_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cronium::agent

#endif  // CRONIUM_TESTS_AGENT_RUNTIME_SCRIPTED_ENGINE_H_
