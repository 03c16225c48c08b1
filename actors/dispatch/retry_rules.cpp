#include "actors/dispatch/retry_rules.hpp"

#include <algorithm>

namespace troupe::dispatch {

namespace {

/// Schedules further away are kept at this, so that no sum overflows.
constexpr milliseconds max_schedule{int64_t{20} * 365 * 24 * 3'600'000};

bool was_throttled(const job& row) noexcept {
  return !row.attempts.empty() && row.attempts.back().end == attempt_end::failed
         && row.attempts.back().cls == error_class::throttled;
}

milliseconds throttle_delay(const retry_policy& policy, milliseconds retry_after) noexcept {
  return retry_after > milliseconds{0} ? std::min(retry_after, max_throttle) : policy.first_delay;
}

} // namespace

void complete_policy(retry_policy& policy, const job_kind* kind) noexcept {
  static constexpr job_kind unknown{"", "", false, 5, 3, milliseconds{2'000}, milliseconds{300'000}, true, 10, 50};
  auto& k = kind ? *kind : unknown;
  if (policy.first_delay == milliseconds{0} && policy.max_delay == milliseconds{0})
    policy.exponential = policy.exponential && k.exponential;
  if (policy.max_attempts == 0)
    policy.max_attempts = k.max_attempts;
  if (policy.first_delay == milliseconds{0})
    policy.first_delay = k.first_delay;
  if (policy.max_delay == milliseconds{0})
    policy.max_delay = k.max_delay;
  policy.max_delay = std::max(policy.max_delay, policy.first_delay);
}

milliseconds retry_delay(const retry_policy& policy, uint32_t failures, uint64_t random) noexcept {
  if (!policy.exponential)
    return policy.first_delay;
  auto cap = policy.max_delay.count();
  auto base = std::min(policy.first_delay.count(), cap);
  for (uint32_t i = 1; i < failures && base < cap; ++i)
    base = base > cap / 2 ? cap : base * 2;
  auto low = base - base / 5;
  auto high = std::min(base + base / 5, cap);
  auto span = static_cast<uint64_t>(high - low) + 1;
  return milliseconds{low + static_cast<int64_t>(random % span)};
}

verdict judge_failure(const retry_policy& policy, uint32_t failures, error_class cls, milliseconds retry_after,
                      uint64_t random) noexcept {
  switch (cls) {
  case error_class::permanent:
    return {true, true, {}};
  case error_class::throttled:
    return {false, false, throttle_delay(policy, retry_after)};
  case error_class::transient:
  case error_class::crash:
    break;
  }
  if (failures + 1 >= policy.max_attempts)
    return {true, true, {}};
  return {false, true, retry_delay(policy, failures + 1, random)};
}

bool was_lost(const job& row) noexcept {
  return !row.attempts.empty() && row.attempts.back().end == attempt_end::lost && row.failures + row.interruptions > 0;
}

verdict judge_loss(const retry_policy& policy, uint32_t failures, bool again, uint64_t random) noexcept {
  auto v = judge_failure(policy, failures, error_class::transient, {}, random);
  if (!v.final && !again)
    v.delay = {};
  return v;
}

milliseconds remaining_delay(const job& row, timestamp wall_now) noexcept {
  auto left = std::clamp(row.run_at - wall_now, milliseconds{0}, max_schedule);
  if (row.attempt == 0)
    return left;
  auto most = row.spec.retry.max_delay;
  if (was_throttled(row))
    most = throttle_delay(row.spec.retry, row.attempts.back().failure.retry_after);
  return std::min(left, most);
}

} // namespace troupe::dispatch
