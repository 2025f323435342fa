// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_RUNTIME_GATEWAY_HELPERS_FAKE_API_H_
#define CRONIUM_TESTS_RUNTIME_GATEWAY_HELPERS_FAKE_API_H_

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cronium::gateway::helpers {

struct SeenRequest {
  std::string method;
  std::string path;
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;

  std::string Line() const { return method + " " + path; }
};

// A response in full, as it goes over the wire.
std::string JsonResponse(int status, const std::string& body, const std::string& fields = "");
// An error as the runtime API words it.
std::string ErrorResponse(int status, const std::string& message, const std::string& fields = "");

// A small HTTP server in a thread of its own: keeps every request, and answers each with what
// `answer` returns for it. No answer at all closes the connection.
//
// On a unix socket at `path`, or on any free loopback port where that is empty.
class FakeApi {
 public:
  using Answer = std::function<std::string(const SeenRequest& request, int number)>;

  FakeApi(const std::string& path, Answer answer);
  ~FakeApi();
  FakeApi(const FakeApi&) = delete;
  FakeApi& operator=(const FakeApi&) = delete;

  int port() const { return port_; }
  std::vector<SeenRequest> requests();

 private:
  void Serve(int fd);

  Answer answer_;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<SeenRequest> requests_;  // under mutex_
  std::thread thread_;
};

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_TESTS_RUNTIME_GATEWAY_HELPERS_FAKE_API_H_
