// SPDX-License-Identifier: Apache-2.0
// Connections, retries and errors, with the real program where that is what a script sees.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fake_api.h"
#include "helper_run.h"
#include "runtime-gateway/helpers/exchange.h"

namespace cronium::gateway::helpers {
namespace {

const std::string kBin = CRONIUM_INJECT_DIR "/bin/";
const std::string kDone = JsonResponse(200, R"({"success":true})");

class Transport : public testing::Test {
 protected:
  Transport() { environment_["CRONIUM_RUNTIME_SOCKET"] = socket_; }

  RunResult Call(std::vector<std::string> words, FakeApi::Answer answer,
                 const std::string& input = "") {
    FakeApi api(socket_, std::move(answer));
    words[0] = kBin + words[0];
    RunResult result = RunProgram(words, environment_, input);
    requests_ = api.requests();
    return result;
  }

  TempFolder folder_;
  const std::string socket_ = folder_.Path("api.sock");
  std::map<std::string, std::string> environment_ = {{"CRONIUM_EXECUTION_TOKEN", "t"},
                                                     {"CRONIUM_EXECUTION_ID", "exec_1"},
                                                     {"CRONIUM_RETRY_FOR", "20"}};
  std::vector<SeenRequest> requests_;
};

TEST_F(Transport, RetriesServerErrorsAndBrokenConnectionsWithOneKey) {
  const std::vector<std::string> failures = {
      ErrorResponse(503, "the controller cannot be reached", "Retry-After: 0\r\n"),
      ErrorResponse(500, "oops"), "", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
      "garbage\r\n"};
  const RunResult result =
      Call({"cronium_set_variable", "k", "v"}, [&](const SeenRequest&, int number) {
        return number <= static_cast<int>(failures.size()) ? failures[number - 1] : kDone;
      });
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  ASSERT_EQ(requests_.size(), failures.size() + 1);
  std::set<std::string> keys;
  for (const SeenRequest& request : requests_) {
    keys.insert(request.fields.at("idempotency-key"));
    EXPECT_EQ(request.body, requests_[0].body);
  }
  EXPECT_EQ(keys.size(), 1);
}

TEST_F(Transport, HonoursRetryAfterOfARateLimit) {
  int64_t first_ms = 0;
  int64_t second_ms = 0;
  const RunResult result = Call({"cronium_event"}, [&](const SeenRequest&, int number) {
    (number == 1 ? first_ms : second_ms) = NowMs();
    return number == 1 ? ErrorResponse(429, "slow down", "Retry-After: 1\r\n")
                       : JsonResponse(200, R"({"data":{}})");
  });
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_GE(second_ms - first_ms, 1000);
}

TEST_F(Transport, DoesNotWaitLongerThanItMay) {
  environment_["CRONIUM_RETRY_FOR"] = "5";
  const RunResult result = Call({"cronium_event"}, [](const SeenRequest&, int) {
    return ErrorResponse(429, "slow down", "Retry-After: 3600\r\n");
  });
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "cronium_event: slow down (HTTP 429); gave up after 1 try, CRONIUM_RETRY_FOR is 5 s\n");
}

TEST_F(Transport, TriesOnceWhenItMayNotRetry) {
  environment_["CRONIUM_RETRY_FOR"] = "0";
  const RunResult result =
      Call({"cronium_event"}, [](const SeenRequest&, int) { return ErrorResponse(500, "oops"); });
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(requests_.size(), 1);
  EXPECT_EQ(result.err,
            "cronium_event: oops (HTTP 500); gave up after 1 try, CRONIUM_RETRY_FOR is 0 s\n");
}

TEST_F(Transport, FailsAtOnceOnOtherClientErrors) {
  for (const int status : {400, 401, 403, 409, 412, 413}) {
    const RunResult result = Call({"cronium_set_variable", "k", "v"}, [&](const SeenRequest&, int) {
      return ErrorResponse(status, "it says \\\"no\\\"\\nand why");
    });
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err, "cronium_set_variable: it says \"no\" and why (HTTP " +
                              std::to_string(status) + ")\n");
    EXPECT_EQ(requests_.size(), 1);
  }
}

TEST_F(Transport, DoesNotRepeatACallWhoseOutcomeIsUnknown) {
  const RunResult result =
      Call({"cronium_execute_tool_action", "t", "a", "{}"}, [](const SeenRequest&, int) {
        return JsonResponse(503, R"({"message":"it may have been sent","code":"OUTCOME_UNKNOWN"})");
      });
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "cronium_execute_tool_action: it may have been sent (HTTP 503)\n");
  EXPECT_EQ(requests_.size(), 1);
}

TEST_F(Transport, MakesTheBestOfAnErrorWithoutAMessage) {
  const auto error_of = [&](const std::string& response) {
    return Call({"cronium_event"}, [&](const SeenRequest&, int) { return response; }).err;
  };
  EXPECT_EQ(error_of(JsonResponse(400, R"({"error":"Bad Request"})")),
            "cronium_event: Bad Request (HTTP 400)\n");
  EXPECT_EQ(error_of(JsonResponse(400, "<html>")),
            "cronium_event: the runtime API refused the call (HTTP 400)\n");
  EXPECT_EQ(error_of("HTTP/1.1 418 I'm a teapot\r\n\r\n"),
            "cronium_event: the runtime API refused the call (HTTP 418)\n");
  EXPECT_EQ(error_of(JsonResponse(200, "<html>")),
            "cronium_event: the runtime API's answer is not JSON\n");
}

TEST_F(Transport, ReadsARefusalThatComesBeforeTheBodyIsSent) {
  // A server that answers from the head alone, and closes with the body unread.
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Endpoint endpoint;
  ASSERT_EQ(ParseUnixEndpoint(socket_, &endpoint), "");
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&endpoint.address), endpoint.address_length),
            0);
  ASSERT_EQ(listen(listener, 1), 0);
  std::thread server([listener] {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    char buffer[1000];
    recv(fd, buffer, sizeof(buffer), MSG_WAITALL);
    const std::string response = ErrorResponse(413, "larger than 1 MiB");
    send(fd, response.data(), response.size(), MSG_NOSIGNAL);
    close(fd);
  });
  const RunResult result = RunProgram({kBin + "cronium_set_variable", "k", "-"}, environment_,
                                      std::string(4 << 20, 'x'));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "cronium_set_variable: larger than 1 MiB (HTTP 413)\n");
  server.join();
  close(listener);
}

TEST_F(Transport, WaitsForAServerThatIsRestarting) {
  std::unique_ptr<FakeApi> api;
  std::thread restart;
  {
    FakeApi old(socket_, [&](const SeenRequest&, int) {
      // The next try finds the socket's place empty, until the new server has taken it.
      unlink(socket_.c_str());
      restart = std::thread([&] {
        api = std::make_unique<FakeApi>(socket_, [](const SeenRequest&, int) { return kDone; });
      });
      return "";
    });
    EXPECT_EQ(RunProgram({kBin + "cronium_set_condition", "on"}, environment_).exit_code, 0);
    restart.join();
  }
  EXPECT_EQ(api->requests().size(), 1);
}

TEST_F(Transport, SaysWhatItCouldNotReach) {
  environment_["CRONIUM_RETRY_FOR"] = "0.2";
  const RunResult result = RunProgram({kBin + "cronium_input"}, environment_);
  EXPECT_EQ(result.exit_code, 1);
  const std::string start = "cronium_input: cannot reach the runtime API at unix:" + socket_ +
                            ": No such file or directory; gave up after ";
  EXPECT_EQ(result.err.substr(0, start.size()), start);
  EXPECT_TRUE(result.err.ends_with("CRONIUM_RETRY_FOR is 0.2 s\n")) << result.err;
}

TEST_F(Transport, SpeaksTcpWhereThereIsNoSocket) {
  FakeApi api("", [](const SeenRequest&, int) { return JsonResponse(200, R"({"data":"x"})"); });
  environment_.erase("CRONIUM_RUNTIME_SOCKET");
  for (const char* host : {"127.0.0.1", "runtime-api", "localhost"}) {
    const std::string authority = host + (":" + std::to_string(api.port()));
    environment_["CRONIUM_RUNTIME_API"] = "http://" + authority;
    const RunResult result = RunProgram({kBin + "cronium_input"}, environment_);
    EXPECT_EQ(result.out, "x\n") << result.err;
    EXPECT_EQ(api.requests().back().fields.at("host"), authority);
  }
  environment_["CRONIUM_RUNTIME_API"] = "http://api.example.org";
  EXPECT_EQ(RunProgram({kBin + "cronium_input"}, environment_).err,
            "cronium_input: CRONIUM_RUNTIME_API must be http://ADDRESS[:PORT], where ADDRESS is a "
            "numeric address, runtime-api or localhost; not 'http://api.example.org'\n");
}

TEST_F(Transport, ReadsChunkedResponses) {
  const RunResult result = Call({"cronium_input"}, [](const SeenRequest&, int) {
    return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           "8\r\n{\"data\":\r\n5\r\n\"abc\"\r\n1\r\n}\r\n0\r\n\r\n";
  });
  EXPECT_EQ(result.out, "abc\n");
}

TEST_F(Transport, EndsATryAtItsDeadline) {
  // Takes the connection into its queue, and never answers.
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Endpoint endpoint;
  ASSERT_EQ(ParseUnixEndpoint(socket_, &endpoint), "");
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&endpoint.address), endpoint.address_length),
            0);
  ASSERT_EQ(listen(listener, 1), 0);
  HttpResponse response;
  EXPECT_EQ(Exchange(endpoint, "GET / HTTP/1.1\r\n\r\n", NowMs() + 50, &response),
            "no answer in time");
  close(listener);
}

TEST_F(Transport, FailsWhenItsOwnOutputCannotBeWritten) {
  FakeApi api(socket_, [](const SeenRequest&, int) { return JsonResponse(200, R"({"data":1})"); });
  const RunResult result =
      RunProgram({"/bin/sh", "-c", kBin + "cronium_input >/dev/full"}, environment_);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "cronium_input: cannot write to standard output: No space left on device\n");
}

}  // namespace
}  // namespace cronium::gateway::helpers
