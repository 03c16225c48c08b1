#pragma once

#include "protocol/mesh/registry.hpp"

#include <memory>

namespace troupe::schedule {

/// Work that comes again and again.
struct schedule {
  /// Part of the submission id: one name, one tick, one job.
  std::string name;
  job_spec spec;
  milliseconds every{0};
};

/// Which tick a time belongs to, and when the next begins. Ticks are counted from 1970, so that every coordinator that
/// ever runs agrees on them. Actor-free.
struct tick_rule {
  milliseconds every;

  int64_t tick_at(timestamp t) const noexcept {
    return to_ms(t) / every.count();
  }
  timestamp begin_of(int64_t tick) const noexcept {
    return from_ms(tick * every.count());
  }
};

/// The job of one tick: its submission id names the tick, so that it is enqueued once however often it is asked for.
job_spec spec_of_tick(const schedule& s, int64_t tick);

struct scheduler_config {
  std::vector<schedule> schedules;
  /// Look at the clock at least this often: a clock that was set must not hold up work for long.
  milliseconds max_wait{60'000};
};

using wake_atom = caf::atom_constant<caf::atom("wake")>;
/// Nobody asks the scheduler anything.
using scheduler = caf::typed_actor<mesh::tell<wake_atom, uint64_t>>;

struct scheduler_state {
  scheduler_state() = default;

  scheduler_config config;
  mesh::job_client jobs;
  std::shared_ptr<const clock> clocks;
  struct entry {
    /// The last tick that was enqueued.
    int64_t done = -1;
    /// A submission is on its way.
    bool asking = false;
  };
  /// One for each schedule.
  std::vector<entry> entries;
  /// Number of the only wake that counts.
  uint64_t last_wake = 0;
};

/// Role: enqueues work when its tick begins; a tick that passed while no coordinator ran is made up for once, the ones
/// before it are not. Thread: the scheduler's thread. Supervisor: the coordinator's, one_for_one; it keeps nothing that a
/// restart could lose, because ticks are idempotent.
scheduler::behavior_type scheduler_actor(scheduler::stateful_pointer<scheduler_state> self, scheduler_config config,
                                         mesh::job_client jobs, std::shared_ptr<const clock> clocks);

} // namespace troupe::schedule
