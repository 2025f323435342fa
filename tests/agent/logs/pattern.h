// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_AGENT_LOGS_PATTERN_H_
#define CRONIUM_TESTS_AGENT_LOGS_PATTERN_H_

#include <cstddef>
#include <random>
#include <string>
#include <utility>

namespace cronium::agent {

// What a job writes, made from a seed: the writer process and the test that checks it make the
// same. Short and long lines, blank lines, lines of more than 64 KiB, bytes that are no UTF-8, NUL,
// and writes that end in the middle of a line.
class Pattern {
 public:
  explicit Pattern(unsigned seed) : random_(seed) {}

  // Stream (0 or 1) and bytes of the next write.
  std::pair<int, std::string> Next() {
    const int stream = static_cast<int>(random_() % 3 == 0);
    std::string data;
    switch (random_() % 16) {
      case 0:
        data = std::string(1 + random_() % 5, '\n');
        break;
      case 1:
        data = Bytes(1 + random_() % 4000);
        break;
      case 2:
        data = std::string(60'000 + random_() % 140'000, static_cast<char>('a' + random_() % 26));
        break;
      case 3:
        data = "no newline";
        break;
      default:
        for (unsigned lines = 1 + random_() % 20; lines > 0; --lines) {
          data +=
              "line " + std::to_string(number_++) + " " + std::string(random_() % 100, 'x') + "\n";
        }
    }
    return {stream, std::move(data)};
  }

  // All of the first `writes` writes, by stream.
  static std::pair<std::string, std::string> All(unsigned seed, int writes) {
    Pattern pattern(seed);
    std::string streams[2];
    while (writes-- > 0) {
      auto [stream, data] = pattern.Next();
      streams[stream] += data;
    }
    return {std::move(streams[0]), std::move(streams[1])};
  }

 private:
  std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  std::mt19937 random_;
  int number_ = 0;
};

}  // namespace cronium::agent

#endif  // CRONIUM_TESTS_AGENT_LOGS_PATTERN_H_
