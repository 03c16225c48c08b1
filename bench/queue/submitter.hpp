#pragma once

// The benchmark's clients: one that keeps a number of submissions in flight, and one that submits at a rate and follows
// the jobs through the notifier, as a client of the API does.

#include "protocol/mesh/local.hpp"
#include "protocol/model/ids.hpp"

#include <chrono>
#include <future>
#include <random>
#include <unordered_map>

namespace troupe::bench {

using steady = std::chrono::steady_clock;

/// Local message: begin.
struct begin {
  uint64_t unused = 0;
};
/// Local message: submit one job now; `due` is when it was to be submitted.
struct submit_one {
  bool counted = false;
};

/// Milliseconds from the submission.
struct latencies {
  std::vector<double> submitted;
  std::vector<double> running;
  std::vector<double> done;
};

job_spec noop_job();

} // namespace troupe::bench

TROUPE_LOCAL_MESSAGE(troupe::bench::begin)
TROUPE_LOCAL_MESSAGE(troupe::bench::submit_one)

namespace troupe::bench {

using submitter = caf::typed_actor<caf::reacts_to<begin>>;

/// Makes `count` jobs, each by a request of its own, with `in_flight` requests unanswered at any time; then fulfils
/// `done`. An answer that is an error ends the program.
submitter spawn_submitter(caf::actor_system& sys, mesh::job_client jobs, size_t in_flight, size_t count,
                          std::shared_ptr<std::promise<void>> done);

using follower = mesh::event_subscriber::extend<caf::reacts_to<begin>, caf::reacts_to<submit_one>>;

/// Submits on demand and notes when the answer, the event of the start and that of the end came; fulfils `done` after
/// `count` ends. It follows "jobs" from `begin` on, and fulfils `ready` then.
follower spawn_follower(caf::actor_system& sys, mesh::job_client jobs, mesh::notifier events, size_t count,
                        std::shared_ptr<std::promise<void>> ready, std::shared_ptr<std::promise<latencies>> done);

} // namespace troupe::bench
