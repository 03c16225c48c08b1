#pragma once

// The parts of job_queue and the transitions that they share. Private to actors/dispatch.

#include "actors/dispatch/job_queue.hpp"
#include "actors/dispatch/outbox.hpp"
#include "actors/dispatch/ready_index.hpp"
#include "actors/dispatch/records.hpp"
#include "actors/dispatch/submissions.hpp"

#include <deque>
#include <optional>

namespace troupe::dispatch {

/// A job that left memory, for jobs that depend on it.
struct ended_job {
  job_state state = job_state::completed;
  error last_error{errc::none, {}};
};

using ended_jobs = std::unordered_map<job_id, ended_job>;

/// Those of the rows that have ended.
ended_jobs ends_of(const std::vector<job>& rows);

// job_queue.cpp
error no_such_job(job_id id);
/// errc::conflict; `what` says what would have to be done or asked instead.
error wrong_state(const job& row, const char* what);

struct job_queue::impl {
  impl(queue_config cfg, const clock& c, std::function<uint64_t()> rnd);

  queue_config config;
  const clock& clk;
  std::function<uint64_t()> random;
  id_source ids;
  uint64_t term = 0;
  /// The first term of this process.
  uint64_t life = 0;

  job_table jobs;
  worker_table workers;
  std::map<std::string, queue_state, std::less<>> queues;
  std::map<std::string, kind_state, std::less<>> kinds;
  ready_index ready;
  submissions submitted;
  std::unordered_map<std::string, entry*> unique_keys;
  dispatch::outbox outbox;
  /// All leases last equally long, so the order of renewal is the order of their ends.
  intrusive_list<entry, &entry::lease_hook> leases;
  std::set<std::pair<mono_time, entry*>> delays;
  /// Workers by when they were last heard; those that are suspect are not in it unless they hold nothing.
  intrusive_list<worker_record, &worker_record::silence_hook> silence;
  ended_jobs recently_archived;
  std::deque<job_id> archive_order;
  std::vector<kind_state*> over_retention;
  uint64_t finish_count = 0;
  uint64_t serve_count = 0;

  // lookup.cpp
  entry* find(job_id id) noexcept;
  const entry* find(job_id id) const noexcept;
  /// The entry whose current lease this is and whose holder is the worker.
  entry* held_by(worker_id worker, const lease_token& token) noexcept;
  limit_group* group(const std::string& name);
  queue_state& queue_of(const std::string& name);
  kind_state& kind_of(const std::string& name);
  job_id fresh_id();
  /// How a job ended, by memory and by what the caller knows of the history.
  std::optional<ended_job> ended(job_id id, const ended_jobs& history) const;
  /// errc::rate_limited when so many more jobs don't fit in.
  static result<void> check_room(const limit_group& g, uint64_t more);

  // transitions.cpp: each leaves all structures consistent
  /// Takes the job out of what its present state keeps it in.
  void leave_state(entry& e);
  void set_state(entry& e, job_state s);
  void queue(entry& e);
  void delay(entry& e, milliseconds wait);
  /// Into waiting, delayed or queued: what a job that has not run (again) yet belongs in.
  void make_pending(entry& e);
  void start(entry& e, worker_record& w);
  /// Makes it terminal and settles what depends on it.
  void finish(entry& e, job_state s, error err);
  void record_attempt(entry& e, attempt_end end, error_class cls, const error& err, const attempt_outcome* outcome);
  /// The attempt failed: retried or failed for good.
  void fail_attempt(entry& e, attempt_end end, error_class cls, error err, const attempt_outcome* outcome);
  /// The attempt ended through no fault of the job: queued at once, unless that happens for ever.
  void interrupt(entry& e, std::string why);
  void hold(entry& e, worker_record& w);
  void release_lease(entry& e);

  // dependencies.cpp
  /// Counts and links its unfinished dependencies; true when there are some.
  bool wait_for_dependencies(entry& e);
  void stop_waiting(entry& e);
  void settle_dependents(entry& e, std::vector<entry*>& failed);
  void cancel_tree(entry& root);

  // retention.cpp
  bool pinned(const entry& e) const;
  void became_terminal(entry& e);
  void no_longer_terminal(entry& e);
  void unpinned(entry& e);
  void adopt(entry& e);
  void forget_children(entry& e);
  void trim();
  void archive(entry& e);

  // retry.cpp
  result<void> check_retry(const job& row, const std::vector<job>& history);
  /// As if it had never run, but for its attempt number. Checked before.
  void run_again(entry& e);

  // recover.cpp
  /// A row of the database comes into memory; what depends on other jobs (parent, state) is left to the caller.
  entry& load(job row);
  void restore_states(std::vector<entry*>& all);
  void settle_recovered(const std::vector<entry*>& all);

  // submit.cpp
  void create(job_spec spec);

  // workers.cpp
  worker_slots& slots_of(worker_record& w, queue_state& q);
  worker_record& worker_of(worker_id id);
  void heard(worker_record& w);
  void set_slots(worker_record& w, const std::vector<queue_slots>& credit);
  void forget(worker_record& w);
};

} // namespace troupe::dispatch
