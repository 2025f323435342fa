// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HTTP_BYTE_BUDGET_H_
#define CRONIUM_RUNTIME_GATEWAY_HTTP_BYTE_BUDGET_H_

#include <atomic>
#include <cstdint>

namespace cronium::gateway {

// How many bytes of bodies all requests together may hold. Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(int64_t limit) : limit_(limit) {}
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  int64_t limit() const { return limit_; }

  // One holder's share, given back when it is destroyed. Used by one thread at a time.
  class Share {
   public:
    explicit Share(ByteBudget* budget) : budget_(budget) {}
    ~Share() { Resize(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // False, with the share as it was, where the budget has not that much left. Always possible
    // downwards.
    bool Resize(int64_t bytes) {
      const int64_t more = bytes - held_;
      if (budget_->used_.fetch_add(more) + more > budget_->limit_ && more > 0) {
        budget_->used_.fetch_sub(more);
        return false;
      }
      held_ = bytes;
      return true;
    }

   private:
    ByteBudget* const budget_;
    int64_t held_ = 0;
  };

 private:
  const int64_t limit_;
  std::atomic<int64_t> used_{0};
};

}  // namespace cronium::gateway

#endif  // CRONIUM_RUNTIME_GATEWAY_HTTP_BYTE_BUDGET_H_
