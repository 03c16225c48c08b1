#pragma once

// The job queue as an actor-free state machine: everything that design.md says under "Jobs", decided in memory with an
// injected clock and random source. It performs no effect. A call changes memory at once and notes (a) the rows that
// have to be written and (b) the effects that may happen once those rows are committed. The dispatcher takes both with
// take(), commits, and only then performs the effects; when a commit fails it drops the whole object and recovers.

#include "actors/dispatch/node_scores.hpp"
#include "actors/dispatch/stragglers.hpp"
#include "protocol/model/job_kinds.hpp"
#include "protocol/model/node.hpp"
#include "protocol/model/result.hpp"
#include "protocol/model/worker.hpp"
#include "protocol/ports/store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace troupe::dispatch {

struct placing_rules {
  /// A retry waits so long for a node other than those where it failed.
  milliseconds elsewhere_wait{30'000};
  /// Waiting for a preferred worker is worth a tenth of what the job takes, between these.
  milliseconds least_locality_wait{500};
  milliseconds longest_locality_wait{5'000};
  /// Jobs that later turns overtake for so long, because they lack tokens, get a worker kept free for them.
  milliseconds token_wait{10'000};
  /// Smaller work that was made so much later may still go first, at most. Zero: age alone counts.
  milliseconds longest_handicap{600'000};
  /// Of the jobs that only their work tells apart, one in so many is taken by age, however fast the node is.
  uint32_t by_age_one_in = 8;
};

struct queue_config {
  /// A lease that is not renewed for this long is lost.
  milliseconds lease{15'000};
  /// A running job that was interrupted through no fault of its own more often than this fails with class crash, so
  /// that a job which takes its node down can't do so for ever.
  uint32_t max_interruptions = 20;
  /// How many ended jobs of a kind stay in memory, instead of the kind's own numbers. For all kinds.
  std::optional<uint32_t> keep_completed;
  std::optional<uint32_t> keep_failed;
  /// Settings of queues ("video") and kinds ("kind:transcode") that the database has none for.
  std::vector<queue_settings> defaults;
  /// When parts of a job are begun a second time.
  straggler_rules stragglers{};
  /// Whoever speaks of a running job is believed, whatever lease it has or had. For one purpose: a test harness shows
  /// with it that it notices what a worker without a lease changes. Never for a real node.
  bool unfenced = false;
  placing_rules placing;
  quarantine_rules quarantine;
  /// Owners whose share is not 1.
  std::map<std::string, uint32_t, std::less<>> owner_weights;
  /// Local time less UTC, for the hours of nodes. Empty: the machine's time zone.
  std::function<std::chrono::minutes(timestamp)> utc_offset;
};

/// What may happen once the rows taken with it are committed. In order.
struct effects {
  std::vector<std::pair<worker_id, lease_token>> revocations;
  std::vector<std::pair<worker_id, assignment>> assignments;
  /// Each job whose state or stage changed, for events: its position among the batch's rows, which say how it is now.
  std::vector<uint32_t> changed;
  /// Those among the rows that go on at once after a failed attempt, for statistics: their state does not tell of it.
  std::vector<uint32_t> rerun;
  /// Nodes of which people are told, as they are when the batch is taken; the dispatcher's to fill in.
  std::vector<node_details> nodes;
};

struct batch {
  std::vector<ports::job_change> rows;
  std::vector<job_id> removed;
  std::vector<queue_settings> queues;
  std::vector<node_rules> nodes;
  dispatch::effects effects;

  bool needs_commit() const noexcept {
    return !rows.empty() || !removed.empty() || !queues.empty() || !nodes.empty();
  }
};

struct explanation {
  job_state state = job_state::queued;
  /// A sentence each, most important first, that says what would change it.
  std::vector<std::string> reasons;
};

struct renewal {
  /// Not (or no longer) leases of this worker.
  std::vector<lease_token> revoked;
  /// False: say hello again.
  bool known = true;
};

/// What a person is told of a job that has ended and is wanted to end: errc::conflict.
error ended_already(const job& row);

/// Why a job that has ended is not running.
explanation explain_ended(const job& row);

class job_queue {
public:
  /// @param random yields 64 random bits a call (ids, jitter). The clock outlives the queue.
  job_queue(queue_config config, const clock& clk, std::function<uint64_t()> random);
  ~job_queue();
  job_queue(job_queue&&) noexcept;
  job_queue& operator=(job_queue&&) noexcept;

  /// Starts from what the database holds. `life` is the first term of this process: leases that embedded workers got
  /// before it are interrupted (no attempt burnt), because those workers died with the process before; all other leases
  /// get a full lease time from now, so that their workers can come back with them.
  void recover(uint64_t term, uint64_t life, ports::recovered_jobs jobs);
  /// A process that has just begun: its life begins with this term.
  void recover(uint64_t term, ports::recovered_jobs jobs) {
    recover(term, term, std::move(jobs));
  }

  // -- clients ----------------------------------------------------------------------------------------------------

  /// All or none. errc::validation (unknown kind or queue, bad priority, payload that is too large, a dependency that
  /// does not exist or is not terminal-compatible, a cycle), errc::rate_limited with retry_after when a queue is full.
  /// Specs may depend on specs of the same call by id. A dependency that is archived counts as it ended: pass those
  /// rows in `history` (unknown_dependencies names the ids to look up).
  result<std::vector<submit_receipt>> submit(std::vector<job_spec> specs, const std::vector<job>& history = {});
  /// Dependencies that neither memory nor the call itself knows: archived, or not there at all.
  std::vector<job_id> unknown_dependencies(const std::vector<job_spec>& specs) const;
  /// Those of a job that is to be retried; none when it isn't in memory.
  std::vector<job_id> unknown_dependencies(job_id id) const;
  /// A running job: cancel is requested and its lease revoked; the state changes at once. Terminal: errc::conflict.
  result<job> cancel(job_id id);
  /// failed or cancelled → queued with attempts unspent (attempt numbers go on). Otherwise errc::conflict;
  /// errc::rate_limited with retry_after when its queue is full, as for a submission. `history` as for submit.
  result<job> retry(job_id id, const std::vector<job>& history = {});
  /// queued or delayed → queued with priority 1; one that waits for its parts: they are. Otherwise errc::conflict.
  result<job> promote(job_id id);
  /// Terminal jobs only.
  result<void> remove(job_id id);
  /// The same for a job that is archived, `row` as the history has it: it comes back into memory under its id.
  /// `children`: the jobs that name it as their parent. errc::conflict when it is in memory after all.
  result<job> retry_archived(job row, const std::vector<job_id>& children, const std::vector<job>& history = {});
  /// An archived job is forgotten: its row, and its submission id.
  result<void> remove_archived(const job& row);
  /// Its row has left the history: its submission id may be used anew.
  void forget_archived(job_id id, std::string_view submission_id);
  /// It left memory so lately that its row may not be committed yet.
  bool archived_lately(job_id id) const noexcept;
  /// nullptr when it is not in the hot set.
  const job* find(job_id id) const noexcept;
  /// The one that is not done and has this unique key; nullptr when there is none.
  const job* find_unique(const std::string& key) const;
  /// Hot children only.
  std::vector<job_id> children_of(job_id id) const;
  result<explanation> explain(job_id id) const;

  // -- administration -----------------------------------------------------------------------------------------------

  std::vector<queue_stats> queues() const;
  /// Name of a known queue or "kind:<known kind>", else errc::not_found.
  result<void> change_queue(const queue_settings& settings);
  result<queue_settings> settings_of(const std::string& name) const;
  /// The node of a worker that is here, or is away and holds leases; empty for any other.
  std::string node_of(worker_id worker) const;
  /// Connected ones, without housekeepers: those are a part of their coordinator.
  std::vector<worker_info> workers() const;
  /// Rules of a node, also of one that is away, from now on. errc::validation for what they can't be. What runs on it
  /// goes on. Its speed and the evidence against it are forgotten when they make it active again.
  result<void> set_node(node_rules rules);
  /// errc::not_found for one that never was here.
  result<node_rules> rules_of(const std::string& node) const;
  /// By name: those that are here or went away within a day, and those with rules.
  std::vector<node_details> nodes() const;
  /// One of them, also when it has left and has no rules.
  node_details node(const std::string& name) const;
  /// Those that joined or left, changed their rules or what they offer, or began or ceased to be open for work since
  /// the last call.
  std::set<std::string> take_changed_nodes();

  // -- workers ------------------------------------------------------------------------------------------------------

  /// A worker joins or comes back; what it holds and is durably its own it keeps. The answer names the others of
  /// `hello.held`. Leases of this worker id that it does not name any more are interrupted.
  std::vector<lease_token> join(const worker_hello& hello);
  void set_credit(worker_id worker, const std::vector<queue_slots>& credit);
  /// What it offers and what is wrong with it from now on; what it runs goes on. Nothing happens to a worker that is
  /// not there.
  void set_capabilities(worker_id worker, std::vector<std::string> capabilities,
                        std::vector<std::string> problems = {});
  renewal renew(worker_id worker, const std::vector<lease_token>& held);
  /// Takes progress into memory. False: stale token, dropped. Writes a row only when the stage changed.
  bool progress(worker_id worker, const progress_report& report);
  /// Ends an attempt: completed, retried by error class, failed for good, cancelled, released or delegated. False:
  /// stale token, nothing changed.
  bool hand_in(worker_id worker, const attempt_outcome& outcome);
  /// Jobs whose children have moved since the last call, and of which that was not told lately.
  std::vector<job_id> take_moved_parents();
  /// Is this the current lease of a running job, held by this worker?
  bool holds(worker_id worker, const lease_token& token) const noexcept;
  /// Graceful end: what it holds is released, burning nothing.
  void leave(worker_id worker);
  /// Its link is down: no more assignments; its leases run on until they expire or it joins again.
  void unreachable(worker_id worker);

  // -- time and placing ---------------------------------------------------------------------------------------------

  /// Expires leases (worker_lost: counts, and runs again at once unless the attempt before was lost too), makes delayed
  /// jobs due, forgets workers that are silent and hold nothing, begins parts a second time that take long.
  void tick();
  /// Whoever drives this could not hear anybody for a while: as after a restart, everybody has a whole lease from now on.
  void stood_still();
  /// When tick has something to do next; mono_time::max() if nothing.
  mono_time next_deadline() const;
  /// Gives queued jobs to workers with slots and tokens for them (README.md, "Placing"); only what pauses, limits,
  /// kinds, needs and the rules of nodes allow.
  void assign();

  /// What has accumulated since the last take.
  batch take();
  bool dirty() const noexcept;
  /// Rows that have to be written; at least that many come with the next take.
  size_t pending_rows() const noexcept;

  uint64_t term() const noexcept;
  /// Jobs in memory.
  size_t size() const noexcept;

  /// Private to actors/dispatch.
  struct impl;

private:
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::dispatch
