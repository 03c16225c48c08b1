#pragma once

// What becomes of a failed attempt: pure functions.

#include "protocol/model/job.hpp"
#include "protocol/model/job_kinds.hpp"

namespace troupe::dispatch {

/// A wait that the other side asked for is never believed beyond this.
inline constexpr milliseconds max_throttle{24 * 3'600'000};

/// Fills what is 0 from the kind (nullptr: a kind that this version does not know).
void complete_policy(retry_policy& policy, const job_kind* kind) noexcept;

/// The delay before the next attempt when `failures` (≥ 1) attempts are burnt: first_delay × 2^(failures-1), at most
/// max_delay, ±20 % but never beyond max_delay; exactly first_delay when not exponential.
milliseconds retry_delay(const retry_policy& policy, uint32_t failures, uint64_t random) noexcept;

struct verdict {
  /// The job has failed; otherwise it runs again after `delay`.
  bool final = false;
  bool burns_attempt = false;
  milliseconds delay{0};
};

/// @param failures attempts burnt before this one.
verdict judge_failure(const retry_policy& policy, uint32_t failures, error_class cls, milliseconds retry_after,
                      uint64_t random) noexcept;

/// Did its last attempt end because its node went away? One before a retry by hand does not count.
bool was_lost(const job& row) noexcept;

/// What becomes of an attempt that is lost, its lease not renewed. The first is followed by another at once, because
/// most nodes die of something else than the job. Each further one in a row waits like any other failure: it may be the
/// job.
/// @param failures attempts burnt before this one. @param again was_lost before this one.
verdict judge_loss(const retry_policy& policy, uint32_t failures, bool again, uint64_t random) noexcept;

/// How long a delayed job waits from now on after a restart, when its row says `run_at`: a clock that went back does
/// not make a retry wait longer than its policy (or the throttling service) ever could.
milliseconds remaining_delay(const job& row, timestamp wall_now) noexcept;

} // namespace troupe::dispatch
