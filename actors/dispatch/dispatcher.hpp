#pragma once

#include "actors/dispatch/ended_counts.hpp"
#include "actors/dispatch/gateway_register.hpp"
#include "actors/dispatch/job_queue.hpp"
#include "actors/dispatch/journal.hpp"
#include "actors/dispatch/node_news.hpp"
#include "actors/dispatch/node_reports.hpp"
#include "actors/dispatch/output_check.hpp"
#include "actors/dispatch/worker_names.hpp"
#include "protocol/mesh/registry.hpp"

#include <atomic>
#include <functional>
#include <random>

namespace troupe::dispatch {

/// What the end of a job changes beside its own row. Written in the same commit, so that the result of a job is
/// published exactly when the job is completed.
struct consequences {
  ports::catalogue_changes catalogue;
  /// Submitted with it.
  std::vector<job_spec> follow_ups;
  /// The same, but left out when their queue is full: what can be asked for again.
  std::vector<job_spec> when_room;
};

/// Local message to the dispatcher: the gateway of this node has come or left.
struct gateway_changed {
  std::string name;
};

/// Local message to an observer: a job of its interest has changed (committed).
struct job_changed {
  std::shared_ptr<const job> item;
};

struct dispatcher_config {
  queue_config queue;
  std::shared_ptr<const clock> time = std::make_shared<const system_clocks>();
  /// Told to workers: the data folder and the content of its node.id.
  std::string data_folder;
  std::string data_id;
  /// Told to workers, too: PEM, of the tickets that the file desk signs.
  std::string ticket_key;
  /// The first term of this process; shared by all dispatchers that this process starts one after the other. 0: none
  /// yet.
  std::shared_ptr<uint64_t> life = std::make_shared<uint64_t>(0);
  /// Where the present term is told to others of this process; may be nullptr.
  std::shared_ptr<std::atomic<uint64_t>> term;
  /// After a failed recovery, before the next try; after a second failed commit in a row, before the queue is read
  /// again. Doubled with each further one, up to max_recovery_delay.
  milliseconds recovery_delay{500};
  milliseconds max_recovery_delay{5'000};
  /// Ended jobs can be looked up for so long at least; what is older is removed this often.
  milliseconds history{7LL * 24 * 3'600'000};
  milliseconds purge_interval{3'600'000};
  /// Called once, with the dispatcher, when the queue is in memory. May be empty.
  std::function<void(caf::local_actor*)> ready;
  /// Completes what is asked for before it is kept, or refuses it: errc::validation with its fields. It may look up
  /// what is not done yet. Not called for follow-ups. Called on the dispatcher's thread; must not block. May be empty.
  std::function<result<void>(job_spec&, const find_open_job&)> admit;
  /// An observer gets job_changed for each changed job that `observed` wants.
  std::function<bool(const job&)> observed;
  /// The result JSON of a completed attempt → what it publishes. An error fails the attempt for good. Called on the
  /// dispatcher's thread; must not block.
  std::function<result<consequences>(const job&, const std::string& result_json)> on_completed;
  /// What of the data folder such a result names, relative to it. May be empty.
  std::function<std::vector<std::string>(const job&, const std::string& result_json)> outputs_of;
  /// For a look at those; a worker whose outcome is not acknowledged for that long hands it in again.
  milliseconds output_timeout{5'000};
  /// The consequences of a job that has failed or was cancelled.
  std::function<consequences(const job&)> on_ended;
  /// Called when a commit has changed the catalogue, before anybody is told: caches forget. Must not block.
  std::function<void()> catalogue_changed;
  /// Does anybody follow this topic, or did lately? Events that nobody wants are not made.
  std::function<bool(std::string_view topic)> wanted;
  /// Listed among the nodes; nullptr: there are none. Who changes it sends gateway_changed.
  std::shared_ptr<const gateway_register> gateways;
};

} // namespace troupe::dispatch

TROUPE_LOCAL_MESSAGE(troupe::dispatch::gateway_changed)
TROUPE_LOCAL_MESSAGE(troupe::dispatch::job_changed)

namespace troupe::dispatch {

using observer = caf::typed_actor<mesh::tell<job_changed>>;
/// The dispatcher as the register of gateways sees it.
using gateway_listener = caf::typed_actor<mesh::tell<gateway_changed>>;

using tick_atom = caf::atom_constant<caf::atom("tick")>;
using purge_atom = caf::atom_constant<caf::atom("purge")>;
using recover_atom = caf::atom_constant<caf::atom("recover")>;

/// The dispatcher with what it sends to itself.
using dispatcher_self =
  mesh::dispatcher::extend<mesh::tell<flush_atom>, mesh::tell<tick_atom>, mesh::tell<recover_atom>,
                           mesh::tell<purge_atom>, mesh::tell<gateway_changed>>;

/// What the dispatcher talks to. All are stable addresses within the coordinator.
struct dispatcher_peers {
  dispatch::journal journal;
  mesh::notifier notifier;
  /// Reads of the history; answers job_query and get_job from the store.
  caf::typed_actor<mesh::in<job_query>::with<job_page>, mesh::in<mesh::get_job>::with<mesh::job_with_children>> history;
  /// May be invalid: nobody observes.
  dispatch::observer observer;
  /// May be invalid: what attempts say is believed.
  dispatch::output_check outputs;
};

/// Something to be done with a job that is not in memory, while its row is read from the history.
struct archived_action {
  mesh::job_action action = mesh::job_action::cancel;
  caf::typed_response_promise<job> reply;
};

struct dispatcher_state {
  dispatcher_state() = default;

  dispatcher_config config;
  dispatcher_peers peers;
  std::mt19937_64 random;
  /// nullptr while recovering: every request is answered with not_now().
  std::unique_ptr<job_queue> queue;
  /// What is wrong with the database since the last commit that worked; errc::none when nothing is.
  error cause{errc::none, {}};
  /// How long to wait with reading the queue after the next failed commit.
  milliseconds reload_delay{0};
  bool recovering = false;
  bool term_raised = false;
  bool commit_in_flight = false;
  bool flush_queued = false;
  /// Something happened since the last flush that it may have to act on.
  bool flush_wanted = false;
  mono_time tick_at = mono_time::max();
  /// Answers to requests whose transitions the next commit contains; called with nullptr when it is committed.
  std::vector<std::function<void(const error*)>> waiting;
  /// Consequences of transitions that the next commit contains.
  ports::catalogue_changes catalogue;
  ended_counts ended;
  node_news nodes;
  /// Those of whom only the figures have changed.
  node_news figures;
  node_reports reports;
  /// The history is looked through regularly.
  bool purging = false;
  /// By job, in order of arrival: of each only one read is under way, so that what is decided on it is decided once.
  std::unordered_map<job_id, std::vector<archived_action>> archived_actions;
  worker_names names;
  std::unordered_map<worker_id, mesh::worker_link> links;
  std::unordered_map<caf::actor_addr, worker_id> link_owners;
};

/// Role: owns the job queue. Thread: the scheduler's thread; it never blocks (the journal does). Supervisor: the
/// dispatch supervisor, one_for_all with the journal. Order of effects: every answer, assignment and event leaves only
/// after the commit that contains its transition; when a commit fails, memory is dropped and read again from the store,
/// and the requests in it are answered with the error.
dispatcher_self::behavior_type dispatcher_actor(dispatcher_self::stateful_pointer<dispatcher_state> self,
                                                dispatcher_config config, dispatcher_peers peers);

/// The events of a changed job: one for its own topic, one for "jobs", one for its owner's.
std::vector<event> events_of(const job& x, const std::function<bool(std::string_view)>& wanted);
/// The event of progress that changed no state.
std::vector<event> progress_events_of(const job& x, const std::function<bool(std::string_view)>& wanted);

} // namespace troupe::dispatch
