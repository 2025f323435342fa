// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_COMMON_PROTOCOL_RULES_H_
#define CRONIUM_COMMON_PROTOCOL_RULES_H_

#include <array>
#include <atomic>
#include <cstdint>

// The rules of docs/protocol.md, P1 to P39. The code that carries one out says so with RuleApplied,
// so that the simulation can count how often each was put to the test. Costs one relaxed load.
namespace cronium {

inline constexpr int kProtocolRules = 39;
// Index: the rule's number.
using RuleCounts = std::array<uint64_t, kProtocolRules + 1>;

namespace rule_internal {
inline std::atomic<RuleCounts*> g_counts{nullptr};
}  // namespace rule_internal

// From now on rules are counted there; null: not at all. For one thread.
inline void CountRulesIn(RuleCounts* counts) { rule_internal::g_counts.store(counts); }

inline void RuleApplied(int rule) {
  RuleCounts* counts = rule_internal::g_counts.load(std::memory_order_relaxed);
  if (counts != nullptr) ++counts->at(static_cast<size_t>(rule));
}

}  // namespace cronium

#endif  // CRONIUM_COMMON_PROTOCOL_RULES_H_
