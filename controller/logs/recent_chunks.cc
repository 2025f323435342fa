// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/recent_chunks.h"

#include <algorithm>
#include <utility>

namespace cronium::controller::logs {
namespace {

// What a chunk takes beside its data.
constexpr int64_t kOverheadBytes = 192;

int64_t CostOf(const v1::LogChunk& chunk) {
  return static_cast<int64_t>(chunk.data().size()) + kOverheadBytes;
}

uint64_t LastSeq(const v1::LogChunk& chunk) { return chunk.first_seq() + chunk.entry_count() - 1; }

}  // namespace

RecentChunks::~RecentChunks() { budget_->GiveBack(bytes_); }

void RecentChunks::DropOldest() {
  const int64_t cost = CostOf(*chunks_.front());
  chunks_.pop_front();
  bytes_ -= cost;
  budget_->GiveBack(cost);
}

void RecentChunks::Add(std::vector<v1::LogChunk> chunks) {
  for (v1::LogChunk& added : chunks) {
    const auto chunk = std::make_shared<const v1::LogChunk>(std::move(added));
    const int64_t cost = CostOf(*chunk);
    MutexLock lock(&mutex_);
    if (!chunks_.empty() && LastSeq(*chunk) <= LastSeq(*chunks_.back())) continue;
    const bool gap = !chunks_.empty() && chunk->first_seq() > LastSeq(*chunks_.back()) + 1;
    while (!chunks_.empty() && (gap || bytes_ + cost > kMaxBytes)) DropOldest();
    // Others have the budget: what this log has goes first.
    while (!budget_->Take(cost)) {
      if (chunks_.empty()) return;
      DropOldest();
    }
    chunks_.push_back(chunk);
    bytes_ += cost;
  }
}

RecentChunks::Chunks RecentChunks::After(uint64_t after_seq, int64_t max_bytes) const {
  Chunks found;
  MutexLock lock(&mutex_);
  if (chunks_.empty() || chunks_.front()->first_seq() > after_seq + 1) return found;
  auto next = std::partition_point(chunks_.begin(), chunks_.end(), [after_seq](const auto& chunk) {
    return LastSeq(*chunk) <= after_seq;
  });
  for (int64_t bytes = 0; next != chunks_.end() && bytes < max_bytes; ++next) {
    bytes += CostOf(**next);
    found.push_back(*next);
  }
  return found;
}

}  // namespace cronium::controller::logs
