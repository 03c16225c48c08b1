#pragma once

// The parts of job_queue and the transitions that they share. Private to actors/dispatch.

#include "actors/dispatch/job_queue.hpp"
#include "actors/dispatch/outbox.hpp"
#include "actors/dispatch/pace.hpp"
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

struct instant {
  mono_time mono;
  timestamp wall;
};

/// assignment::lanes of jobs of one queue that are split into this kind, while workers offer what they did.
struct known_lanes {
  const kind_state* part = nullptr;
  const queue_state* queue = nullptr;
  uint64_t offers = 0;
  mono_time until{};
  std::vector<double> lanes;
};

/// What is known of a job that waits for those it has handed its work to.
struct split_watch {
  /// When its progress was told last.
  std::optional<mono_time> told;
  /// When its parts are looked through for those that take long; max(): there is nothing to look for.
  mono_time look = mono_time::max();
  dispatch::pace pace;
};

/// Which jobs a full queue takes.
enum class room : uint8_t {
  /// None.
  bounded,
  /// Those of a job that has been admitted: it would hand them on again and again. They count all the same.
  admitted
};

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
  node_table nodes;
  node_scores scores;
  /// Nodes that are quarantined by their score.
  std::vector<node_record*> on_probation;
  submissions submitted;
  std::unordered_map<std::string, entry*> unique_keys;
  dispatch::outbox outbox;
  /// All leases last equally long, so the order of renewal is the order of their ends.
  intrusive_list<entry, &entry::lease_hook> leases;
  std::set<std::pair<mono_time, job_id>> delays;
  /// Workers by when they were last heard; those that are suspect are not in it unless they hold nothing.
  intrusive_list<worker_record, &worker_record::silence_hook> silence;
  ended_jobs recently_archived;
  std::deque<job_id> archive_order;
  std::vector<kind_state*> over_retention;
  /// Jobs whose children have moved since that was told.
  std::set<job_id> moved_parents;
  /// Jobs that have handed their work on, until they end.
  std::unordered_map<job_id, split_watch> splits;
  /// split_watch::look of those that have one.
  std::set<std::pair<mono_time, job_id>> looks;
  /// job_queue::take_changed_nodes
  std::set<std::string> changed_nodes;
  known_lanes split_lanes;
  uint64_t finish_count = 0;
  uint64_t serve_count = 0;
  /// Hours of nodes are looked at once a minute; not set: no node has any.
  mono_time hours_at = mono_time::max();

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
  /// `now`: by both clocks; many start at once, and to read a clock takes a while.
  void start(entry& e, worker_record& w, const instant& now);
  /// Makes it terminal and settles what depends on it.
  void finish(entry& e, job_state s, error err);
  void record_attempt(entry& e, attempt_end end, error_class cls, const error& err, const attempt_outcome* outcome);
  /// Of one that is queued or delayed: it goes before all others.
  void promote(entry& e);
  /// The attempt failed: retried or failed for good.
  void fail_attempt(entry& e, attempt_end end, error_class cls, error err, const attempt_outcome* outcome);
  /// The attempt ended through no fault of the job: queued at once, unless that happens for ever.
  void interrupt(entry& e, std::string why);
  void hold(entry& e, worker_record& w, mono_time now);
  void release_lease(entry& e);

  // delegation.cpp
  /// Ends its attempt and makes the child jobs that it hands its work to; nothing has changed after an error.
  result<void> delegate(entry& e, const attempt_outcome& outcome);
  /// For the attempt that goes on.
  std::vector<child_end> ends_of_children(const entry& e) const;
  /// What an attempt of it is given: its own continuation's, or its parent's.
  const std::string& state_for(const entry& e) const;
  /// assignment::lanes.
  const std::vector<double>& lanes_for(const entry& e);
  std::vector<double> count_lanes(const kind_state& part, const queue_state* queue) const;
  /// The parent that waits for it as one of those it handed its work to; or nullptr.
  entry* delegating_parent(const entry& e) noexcept;
  /// It had ended and runs again: a parent that still waits for others waits for it too.
  void wait_again(entry& e);
  /// One of its children has begun, or runs no longer.
  void part_changed(entry& parent);
  /// A child of it has got on by so much of its own work; nullptr: none has.
  void update_joint_progress(entry& parent, const entry* child = nullptr, double by = 0);
  /// Of one that waits for its parts: with all of them.
  void promote_split(entry& parent);
  /// Its rows have come from the database.
  void recover_split(entry& parent);
  /// It has ended.
  void forget_split(const entry& parent);

  // stragglers.cpp
  /// Soon, if that is not planned already.
  void look_later(entry& parent);
  void look_no_more(job_id parent);
  /// Those that are due.
  void look_for_stragglers();
  /// Begins parts a second time on idle nodes where the first ones take long; the first that is done ends the other.
  void look_at_parts(entry& parent);
  double time_of_a_share(const entry& parent) const;
  running_part seen_of(const entry& parent, const entry& part, double unit, double share,
                       const worker_record& elsewhere) const;
  const worker_record* idle_worker_for(const entry& part, const std::set<const worker_record*>& taken) const;
  void copy_to(entry& parent, const entry& part, const worker_record& where);
  static void mark_copies(const std::vector<entry*>& children);
  /// A part has ended: what else does the same work is cancelled.
  void end_copies(entry& done);

  // dependencies.cpp
  /// What it waits for now.
  static std::vector<job_id> dependencies_of(const job& row);
  /// Whether it fails with the first of them that does.
  static bool fails_with_dependency(const job& row) noexcept;
  /// Counts and links its unfinished dependencies; true when there are some.
  bool wait_for_dependencies(entry& e);
  void stop_waiting(entry& e);
  void settle_dependents(entry& e, std::vector<entry*>& failed);
  /// With all that was made for it. `why` is the root's; the others are told of theirs.
  void cancel_tree(entry& root, error why);
  /// It alone.
  void cancel(entry& e, error why);

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
  result<std::vector<submit_receipt>> submit_now(std::vector<job_spec> specs, const std::vector<job>& history,
                                                 room where);
  void create(job_spec spec);

  // workers.cpp
  worker_slots& slots_of(worker_record& w, queue_state& q);
  worker_record& worker_of(worker_id id);
  void heard(worker_record& w);
  void set_slots(worker_record& w, const std::vector<queue_slots>& credit);
  void forget(worker_record& w);
  /// As many of each queue as it offers, or as an administrator said.
  void apply_slots(worker_record& w);

  // nodes.cpp
  node_record& node_of(const std::string& name);
  void put_on_node(worker_record& w, const std::string& name);
  void leave_node(worker_record& w);
  /// Why the node gets no new work; empty when it does.
  std::string closed(const node_record& n) const;
  node_details details(const node_record& n) const;
  bool in_hours(const node_record& n) const;
  bool may_probe(const node_record& n) const;
  /// Opens or closes it for new work, as its rules and the time say.
  void update_open(node_record& n);
  /// Call when its rules have changed.
  void rules_changed(node_record& n);
  void quarantine(node_record& n);
  void reinstate(node_record& n, std::string why);
  /// A kind that no other open node runs; empty when there is none.
  std::string only_one_for(const node_record& n) const;
  /// Nobody is quarantined whom the cluster needs. Call when fewer nodes are open than before.
  void spare_the_last();
  void tick_nodes();
  mono_time next_node_deadline() const;
  /// Its last attempt is recorded already.
  void judge_completed(entry& e);
  /// The attempt that its holder was probed with has ended.
  void judge_probe(entry& e, bool completed, bool against_node);
};

} // namespace troupe::dispatch
