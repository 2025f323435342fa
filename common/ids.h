// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_IDS_H_
#define CRONIUM_COMMON_IDS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace cronium {

inline constexpr absl::string_view kJobIdPrefix = "job_";
inline constexpr absl::string_view kExecutionIdPrefix = "exec_";

// Mints ids: the prefix and 12 characters of [0-9A-Za-z], 71 bits, so that among a thousand million
// ids of a cluster the chance of one collision is under one in two thousand; the store refuses a
// second one. Thread-safe.
class IdSource {
 public:
  virtual ~IdSource() = default;
  virtual std::string NewId(absl::string_view prefix) = 0;
};

// From the kernel's random numbers.
class RandomIdSource : public IdSource {
 public:
  std::string NewId(absl::string_view prefix) override;
};

// prefix + a 12-digit counter; for tests.
class CountingIdSource : public IdSource {
 public:
  std::string NewId(absl::string_view prefix) override;

 private:
  int next_ = 1;
};

// Whether id is the prefix and 12 base62 characters.
bool IsId(absl::string_view id, absl::string_view prefix);

// `count` characters of [0-9A-Za-z] from the kernel's random numbers, for secrets.
std::string RandomBase62(int count);

// Whether name is 1 to 63 of [a-z0-9.-], beginning and ending with a letter or digit: node and
// namespace names.
bool IsName(absl::string_view name);

}  // namespace cronium

#endif  // CRONIUM_COMMON_IDS_H_
