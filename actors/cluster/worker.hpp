#pragma once

#include "protocol/mesh/actors.hpp"
#include "protocol/mesh/local.hpp"
#include "protocol/model/growing_delay.hpp"

namespace troupe::cluster {

struct worker_config {
  /// Id, name, kinds, credit, capabilities; `held` is filled in.
  worker_hello me;
  /// Content of node.id in the data folder as this process sees it; has to be the coordinator's. Empty: it sees none.
  std::string data_id;
  /// Called once, with the worker as the sink: kind → runner.
  std::function<std::map<std::string, mesh::runner>(mesh::progress_sink)> make_runners;
  /// All its work reads or writes by the coordinator's file server: it takes none until coordinator_files_found says
  /// that this can be reached.
  bool works_by_files = false;
  /// Finds the dispatcher afresh; calls back once, on any thread. Must not block.
  std::function<void(std::function<void(result<mesh::job_worker>)>)> look_up;
  /// Called after each join, with what the coordinator said. From the worker's thread; must not block.
  std::function<void(const worker_welcome&)> joined = {};
  /// What its node says of itself, asked for with the hello and each renewal. Must not block. Empty: nothing.
  std::function<node_figures()> figures = {};
  /// Bytes; a disk with less than that left is told as a problem. health.min_free
  uint64_t min_free = 0;
  /// What is to be done about its certificate, a problem for people; empty: nothing. Asked for as `figures`; must not
  /// block. Empty function: there is none.
  std::function<std::string()> certificate_due = {};
  const clock* time = nullptr;
  /// Between two progress reports of a job.
  milliseconds progress_interval{100};
  /// After a look-up, hello or hand-in that failed.
  growing_delay::settings delays{milliseconds{100}, milliseconds{5'000}, 2, 0.25};
  /// For their jitter; empty: seeded by the machine.
  std::function<uint64_t()> random = {};
  milliseconds request_timeout{10'000};
  /// After the grace, until even the release is given up (the coordinator then sees the worker leave).
  milliseconds release_timeout{5'000};
};

/// Graceful end: no new work; what is not done within the grace is stopped and released. Answered when the dispatcher
/// has acknowledged all of it, or can't be reached within the release timeout.
struct drain_worker {
  milliseconds grace{0};
};

/// What it offers beside the configured capabilities, and what is wrong with its node, from now on.
struct offer_changed {
  std::vector<std::string> capabilities;
  std::vector<std::string> problems;
};

/// What its executors can encode with (libav's names), or why that is not known; from now on.
struct encoders_tested {
  std::shared_ptr<const result<std::vector<std::string>>> encoders;
};

/// Whether the coordinator's data folder is where it should be on this node, from now on; before the first it is. All
/// work but scans begins there: as long as it is not, the worker takes none, and does not offer data_capability.
struct data_folder_found {
  /// What is wrong with it, a sentence that says what to do; empty: it is there.
  std::string problem;
};

/// Whether this node reaches the coordinator's file server, from now on.
struct coordinator_files_found {
  /// As in data_folder_found.
  std::string problem;
};

struct worker_timer;
struct dispatcher_found;

using worker = mesh::worker_link::extend_with<mesh::progress_sink>::extend<
  caf::replies_to<drain_worker>::with<mesh::done>, caf::reacts_to<offer_changed>, caf::reacts_to<encoders_tested>,
  caf::reacts_to<data_folder_found>, caf::reacts_to<coordinator_files_found>, caf::reacts_to<worker_timer>,
  caf::reacts_to<dispatcher_found>>;

/// A worker towards the dispatcher: says hello, takes assignments to their runners, renews the leases at a third of
/// their time (from the scheduler's thread: no work can delay it), coalesces progress, hands outcomes in and keeps each
/// until it is acknowledged. When the dispatcher is lost it looks it up again and comes back with all that it holds.
/// Event-based; supervised (permanent). If it fails, its leases expire and its runners end with it.
worker spawn_worker(caf::actor_system& sys, worker_config config);

/// For its own mailbox.
struct worker_timer {
  enum class kind : uint8_t { connect, renew, progress, flush, hand_in, grace_over, give_up };
  kind what = kind::connect;
  /// Of the connection that set it; older ones are void.
  uint64_t connection = 0;
};
struct dispatcher_found {
  uint64_t connection = 0;
  std::shared_ptr<result<mesh::job_worker>> handle;
};

} // namespace troupe::cluster

TROUPE_LOCAL_MESSAGE(troupe::cluster::drain_worker)
TROUPE_LOCAL_MESSAGE(troupe::cluster::offer_changed)
TROUPE_LOCAL_MESSAGE(troupe::cluster::encoders_tested)
TROUPE_LOCAL_MESSAGE(troupe::cluster::data_folder_found)
TROUPE_LOCAL_MESSAGE(troupe::cluster::coordinator_files_found)
TROUPE_LOCAL_MESSAGE(troupe::cluster::worker_timer)
TROUPE_LOCAL_MESSAGE(troupe::cluster::dispatcher_found)
