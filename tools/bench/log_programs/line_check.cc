// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/line_check.h"

#include <algorithm>
#include <cstring>

namespace cronium::bench {
namespace {

int64_t StampOf(const char* line) { return ParseDigits({line + kStampAt, kStampBytes}); }

}  // namespace

void LineCounts::Add(const LineCounts& other) {
  lines += other.lines;
  bytes += other.bytes;
  lost += other.lost;
  repeated += other.repeated;
  damaged += other.damaged;
  first_stamp_ns = std::min(first_stamp_ns, other.first_stamp_ns);
  last_stamp_ns = std::max(last_stamp_ns, other.last_stamp_ns);
  last_receipt_ns = std::max(last_receipt_ns, other.last_receipt_ns);
}

void LineCheck::Add(std::string_view bytes, int64_t receipt_ns) {
  const int64_t lines_before = counts_.lines;
  counts_.bytes += static_cast<int64_t>(bytes.size());
  int64_t first_stamp_ns = 0;
  int64_t last_stamp_ns = 0;
  if (!begun_.empty()) {
    const size_t missing = std::min(kLineBytes - begun_.size(), bytes.size());
    begun_.append(bytes.substr(0, missing));
    bytes.remove_prefix(missing);
    if (begun_.size() < kLineBytes) return;
    Check(begun_.data());
    first_stamp_ns = last_stamp_ns = StampOf(begun_.data());
    begun_.clear();
  }
  const size_t whole = bytes.size() / kLineBytes;
  for (size_t i = 0; i < whole; ++i) Check(bytes.data() + i * kLineBytes);
  if (whole > 0) {
    if (first_stamp_ns == 0) first_stamp_ns = StampOf(bytes.data());
    last_stamp_ns = StampOf(bytes.data() + (whole - 1) * kLineBytes);
  }
  begun_.assign(bytes.substr(whole * kLineBytes));

  const int64_t lines = counts_.lines - lines_before;
  if (lines == 0) return;
  lags_->Add(receipt_ns - first_stamp_ns, lines / 2);
  lags_->Add(receipt_ns - last_stamp_ns, lines - lines / 2);
  counts_.first_stamp_ns = std::min(counts_.first_stamp_ns, first_stamp_ns);
  counts_.last_stamp_ns = last_stamp_ns;
  counts_.last_receipt_ns = receipt_ns;
}

void LineCheck::Check(const char* line) {
  if (std::memcmp(line, digits_.digits(), kNumberBytes) != 0) CheckNumber(line);
  const char* const wanted = block_->data() + text_index_ * kLineBytes;
  if (std::memcmp(line + kTextAt, wanted + kTextAt, kLineBytes - kTextAt) != 0) ++counts_.damaged;
  ++counts_.lines;
  ++number_;
  digits_.Increment();
  if (++text_index_ == kTextPeriod) text_index_ = 0;
}

// The line is not the next one.
void LineCheck::CheckNumber(const char* line) {
  const int64_t number = ParseDigits({line, kNumberBytes});
  if (number < 0) {
    ++counts_.damaged;
    return;
  }
  if (number > number_) {
    counts_.lost += number - number_;
  } else {
    ++counts_.repeated;
  }
  number_ = number;
  digits_.Set(number);
  text_index_ = static_cast<size_t>(number) % kTextPeriod;
}

void LineCheck::End(int64_t lines) {
  if (!begun_.empty()) ++counts_.damaged;
  begun_.clear();
  if (number_ < lines) counts_.lost += lines - number_;
}

}  // namespace cronium::bench
