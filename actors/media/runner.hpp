#pragma once

#include "actors/media/attempt.hpp"
#include "actors/media/executor_pool.hpp"
#include "actors/media/work_threads.hpp"
#include "protocol/mesh/actors.hpp"

namespace troupe::work {

struct runner_config {
  /// "transcoder": for logs and the tree.
  std::string name;
  work_function work;
  executor_pool pool;
  /// nullptr where nothing is downloaded.
  std::shared_ptr<ports::http_client> http;
  mesh::progress_sink sink;
  std::shared_ptr<work_threads> threads;
};

/// Runs one kind of work: each attempt on a thread of `threads`, its operations on the executor pool, its progress to
/// the sink. Event-based, supervised by the worker's supervisor (permanent). When it ends, its attempts are stopped
/// (their executors killed) and their requests fail, so that the worker hands in a failure.
mesh::runner spawn_runner(caf::actor_system& sys, runner_config config);

/// Completes every assignment at once, on no thread at all.
mesh::runner spawn_noop(caf::actor_system& sys);

} // namespace troupe::work
