// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/http_response.h"

#include <gtest/gtest.h>

#include <string>

namespace cronium::gateway::helpers {
namespace {

// Feeds `bytes` in pieces of `piece` bytes. True when the response is whole before the end.
bool FeedIn(const std::string& bytes, size_t piece, HttpResponse* response) {
  for (size_t i = 0; i < bytes.size(); i += piece) {
    if (response->Feed(bytes.substr(i, piece))) return response->error().empty();
  }
  return false;
}

std::string ErrorOf(const std::string& bytes) {
  HttpResponse response;
  if (!response.Feed(bytes)) response.FeedEnd();
  return response.error();
}

TEST(HttpResponse, OfAStatedLengthIsWholeHoweverItIsCut) {
  const std::string bytes =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length:  7 \r\n\r\n{\"a\":1}";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    HttpResponse response;
    EXPECT_TRUE(FeedIn(bytes, piece, &response)) << piece;
    EXPECT_EQ(response.status(), 200);
    EXPECT_EQ(response.body(), "{\"a\":1}");
  }
}

TEST(HttpResponse, InChunksIsWholeHoweverItIsCut) {
  const std::string bytes =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "4\r\nwxyz\r\n1;name=\"value\"\r\n\n\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    HttpResponse response;
    EXPECT_TRUE(FeedIn(bytes, piece, &response)) << piece;
    EXPECT_EQ(response.body(), "wxyz\n0123456789");
  }
}

TEST(HttpResponse, WithoutALengthEndsWithTheConnection) {
  HttpResponse response;
  EXPECT_FALSE(response.Feed("HTTP/1.0 200\r\n\r\nbody"));
  EXPECT_TRUE(response.FeedEnd());
  EXPECT_EQ(response.error(), "");
  EXPECT_EQ(response.body(), "body");
}

TEST(HttpResponse, MayBeEmpty) {
  for (const char* bytes :
       {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    HttpResponse response;
    EXPECT_TRUE(response.Feed(bytes));
    EXPECT_EQ(response.error(), "");
    EXPECT_EQ(response.body(), "");
  }
}

TEST(HttpResponse, ComesAfterInterimOnes) {
  HttpResponse response;
  EXPECT_TRUE(response.Feed(
      "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
      "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"));
  EXPECT_EQ(response.status(), 201);
  EXPECT_EQ(response.body(), "ok");
  EXPECT_FALSE(response.retry_after_s().has_value());
}

TEST(HttpResponse, TakesBareLineFeedsAndIgnoresWhatFollows) {
  HttpResponse response;
  EXPECT_TRUE(response.Feed("HTTP/1.1 404 Not Found\nContent-Length: 1\n\nxHTTP/1.1 200 OK"));
  EXPECT_EQ(response.status(), 404);
  EXPECT_EQ(response.body(), "x");
}

TEST(HttpResponse, KnowsRetryAfterInSeconds) {
  const auto retry_after = [](const std::string& value) {
    HttpResponse response;
    response.Feed("HTTP/1.1 429 Slow\r\nRetry-After: " + value + "\r\nContent-Length: 0\r\n\r\n");
    return response.retry_after_s();
  };
  EXPECT_EQ(retry_after("3"), 3);
  EXPECT_EQ(retry_after("0"), 0);
  EXPECT_EQ(retry_after("99999999999"), 1'000'000);
  EXPECT_FALSE(retry_after("Wed, 21 Oct 2026 07:28:00 GMT").has_value());
  EXPECT_FALSE(retry_after("-1").has_value());
}

TEST(HttpResponse, CutShortIsAnError) {
  const std::string cut = "the connection ended before the response did";
  EXPECT_EQ(ErrorOf(""), cut);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), cut);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"), cut);
  EXPECT_EQ(ErrorOf("HTTP/1.1 100 Continue\r\n\r\n"), cut);
}

TEST(HttpResponse, GarbledIsAnError) {
  for (const char* bytes : {"SSH-2.0-OpenSSH\r\n", "HTTP/2 200\r\n", "HTTP/1.1 20\r\n",
                            "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 099 X\r\n", "\r\n"}) {
    EXPECT_EQ(ErrorOf(bytes), "the answer is not an HTTP/1.1 response") << bytes;
  }
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nno colon\r\n"), "the response's header is garbled");
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n"),
            "the response's Content-Length is garbled");
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n"),
            "the response's Content-Length is garbled");
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n"),
            "the response's Transfer-Encoding is not known: gzip");
  for (const char* chunk : {"x\r\n", "\r\n", "-1\r\n", "2\r\nabc\r\n", "1234567890abcdef0\r\n"}) {
    EXPECT_NE(ErrorOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunk)),
              "")
        << chunk;
  }
}

std::string TooLong() {
  std::string text;
  text.resize(9'000'000, 'x');
  return text;
}

TEST(HttpResponse, IsBounded) {
  const std::string large = "the response's body is larger than 8 MiB";
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n"), large);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n895440\r\n"), large);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\n\r\n" + TooLong()), large);
  EXPECT_EQ(ErrorOf("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x')),
            "the response's header is larger than 64 KiB");
  EXPECT_EQ(
      ErrorOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(2'000, 'x')),
      "the response's chunks are garbled");
}

TEST(HttpResponse, MayHaveManySmallChunks) {
  std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 100'000; ++i) bytes += "1\r\nx\r\n";
  HttpResponse response;
  EXPECT_TRUE(response.Feed(bytes + "0\r\n\r\n"));
  EXPECT_EQ(response.error(), "");
  EXPECT_EQ(response.body().size(), 100'000);
}

}  // namespace
}  // namespace cronium::gateway::helpers
