#pragma once

// Shared by the dispatcher's .cpp files only.

#include "actors/dispatch/dispatcher.hpp"

#include <set>

namespace troupe::dispatch {

using dispatcher_ptr = dispatcher_self::stateful_pointer<dispatcher_state>;

/// The answer to every request while there is no queue in memory: what is wrong with the database (a full disk must
/// not look like a short wait), or errc::unavailable while it is just being read.
error not_now(const dispatcher_state& st);

// -- dispatcher_commit.cpp
/// Commits what has changed as soon as no other commit is in flight; whatever arrives until then goes with it.
void queue_flush(dispatcher_ptr self);
void flush(dispatcher_ptr self);
/// Reads the queue from the store, until it works.
void start_recovery(dispatcher_ptr self);
/// The queue's next deadline is over.
void on_tick(dispatcher_ptr self);

/// Calls `then` with nullptr once what has just been changed is committed, or with the error that prevented it.
inline void when_committed(dispatcher_ptr self, std::function<void(const error*)> then) {
  self->state.waiting.push_back(std::move(then));
  queue_flush(self);
}

/// Answers `reply` with `value` once what has just been changed is committed.
template <class T>
void answer_when_committed(dispatcher_ptr self, caf::typed_response_promise<T> reply, T value) {
  when_committed(self, [reply, value = std::move(value)](const error* err) mutable {
    if (err)
      reply.deliver(mesh::to_caf(*err));
    else
      reply.deliver(std::move(value));
  });
}

// -- job_events.cpp
/// Progress of jobs that have handed their work to others; only while the queue is in memory.
void add_moved_parents(dispatcher_state& st, mesh::publish_events& to);

// -- dispatcher_history.cpp
/// For reads of the history: the store's reader is asked for single rows only.
constexpr std::chrono::seconds history_timeout{10};

/// The answer about a job whose row in the history was overtaken by what happened to it.
error job_moved(job_id id);

/// Reads jobs that are not in memory, one after the other. Those that exist nowhere are left out; any other error ends
/// it.
void read_history(dispatcher_ptr self, std::vector<job_id> ids, std::function<void(result<std::vector<job>>)> then);
caf::result<mesh::job_with_children> on_get(dispatcher_ptr self, const mesh::get_job& x);
/// Lists are the reader's work; how far a job is, is in memory only.
caf::result<job_page> on_list(dispatcher_ptr self, const job_query& x);
caf::result<mesh::job_explanation> on_explain(dispatcher_ptr self, const mesh::explain_job& x);

/// Removes what has ended longer ago than the history goes back, and comes again after the interval.
void purge_history(dispatcher_ptr self);

// -- dispatcher_actions.cpp
caf::result<job> on_action(dispatcher_ptr self, const mesh::act_on_job& x);

// -- dispatcher_submit.cpp
caf::result<mesh::submitted> on_submit(dispatcher_ptr self, mesh::submit_jobs& x);

// -- dispatcher_nodes.cpp
/// The nodes of the queue and those with a gateway, by name, with all that is known of them.
std::vector<node_details> listed_nodes(dispatcher_state& st);
/// Nodes that have changed, as they are now, for who follows them.
void add_changed_nodes(dispatcher_state& st, effects& to);
/// The same nodes are told of, but more rarely: their links have moved bytes.
void figures_changed(dispatcher_state& st, std::set<std::string> names);
event node_event(const node_details& x);
caf::result<mesh::node_list> on_change_node(dispatcher_ptr self, const mesh::change_node& x);

// -- dispatcher_workers.cpp
caf::result<worker_welcome> on_hello(dispatcher_ptr self, worker_hello& hello, const mesh::worker_link& link);
caf::result<mesh::leases_renewed> on_renew(dispatcher_ptr self, const mesh::renew_leases& x);
void on_progress(dispatcher_ptr self, const mesh::report_progress& x);
caf::result<mesh::handed_in> on_hand_in(dispatcher_ptr self, mesh::hand_in& x);
void on_change_offer(dispatcher_ptr self, mesh::change_offer& x);
caf::result<mesh::done> on_leave(dispatcher_ptr self, const mesh::leave& x);
void on_link_down(dispatcher_ptr self, const caf::down_msg& x);

} // namespace troupe::dispatch
