#pragma once

#include "actors/media/executor_set.hpp"
#include "protocol/mesh/local.hpp"

namespace troupe::work {

/// Asks for one operation (shared_operation); the callbacks in it run in the pool and may only post.
struct run_operation {
  std::shared_ptr<executor_operation> what;
};
/// The answer to executor_operation::open.
struct output_opened {
  uint64_t operation = 0;
  uint64_t id = 0;
  std::shared_ptr<result<unique_fd>> file;
};
/// The answer to executor_operation::need.
struct bytes_supplied {
  uint64_t operation = 0;
  uint64_t id = 0;
  std::shared_ptr<result<byte_span>> there;
};
struct cancel_operation {
  uint64_t id = 0;
};
/// Graceful end of the pool within the time; answered when no process is left.
struct stop_executors {
  milliseconds grace{0};
};
struct get_executor_stats {
  uint8_t unused = 0;
};

using executor_pool = caf::typed_actor<
  // Told, not asked: `what->done` is called exactly once, with errc::unavailable if the pool ends before.
  caf::reacts_to<run_operation>, caf::reacts_to<output_opened>, caf::reacts_to<bytes_supplied>,
  caf::reacts_to<cancel_operation>, caf::replies_to<stop_executors>::with<mesh::done>,
  caf::replies_to<get_executor_stats>::with<executor_stats>>;

/// The child processes of a worker. Event-based, supervised by the worker's supervisor (permanent). On a failure of its
/// own every process is killed and every operation answered errc::unavailable (transient); it starts again empty.
/// `clk` outlives it.
executor_pool spawn_executor_pool(caf::actor_system& sys, executor_config config,
                                  std::shared_ptr<ports::child_processes> children, const clock& clk);

} // namespace troupe::work

TROUPE_LOCAL_MESSAGE(troupe::work::run_operation)
TROUPE_LOCAL_MESSAGE(troupe::work::output_opened)
TROUPE_LOCAL_MESSAGE(troupe::work::bytes_supplied)
TROUPE_LOCAL_MESSAGE(troupe::work::cancel_operation)
TROUPE_LOCAL_MESSAGE(troupe::work::stop_executors)
TROUPE_LOCAL_MESSAGE(troupe::work::get_executor_stats)
TROUPE_LOCAL_MESSAGE(troupe::work::executor_stats)
