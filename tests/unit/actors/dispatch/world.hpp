#pragma once

// A simulated world around the job queue: virtual clocks, a database that keeps exactly what was committed, workers
// that crash, stall and come back, a network that loses and repeats, and the rules that must hold at every step.

#include "actors/dispatch/job_queue.hpp"
#include "actors/dispatch/node_scores.hpp"

#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <unordered_map>

namespace troupe::dispatch::test {

struct broken_promise : std::runtime_error {
  using std::runtime_error::runtime_error;
};

#define PROMISE(cond, what)                                                                                            \
  do {                                                                                                                 \
    if (!(cond))                                                                                                       \
      throw broken_promise(std::string{what} + " [" #cond "]");                                                        \
  } while (false)

/// Of every world.
constexpr milliseconds lease{15'000};
constexpr uint32_t max_interruptions = 6;

class virtual_clock final : public clock {
public:
  timestamp wall() const override {
    return timestamp{milliseconds{1'700'000'000'000} + now + step};
  }
  mono_time mono() const override {
    return mono_time{milliseconds{1'000'000} + now};
  }
  milliseconds now{0};
  milliseconds step{0};
};

/// One attempt as its worker sees it.
struct work_item {
  assignment what;
  milliseconds ends{0};
};

struct sim_worker {
  worker_hello hello;
  /// Of its node: mounts that are gone.
  std::vector<std::string> problems;
  bool online = false;
  milliseconds stalled_until{0};
  std::vector<work_item> items;
  milliseconds next_renewal{0};
};

struct in_flight {
  batch what;
  /// Submissions that are acknowledged when it is committed.
  std::vector<job_id> acks;
  /// Jobs that were retried before it was taken.
  std::set<job_id> retried;
  /// Jobs that were removed before it was taken.
  std::vector<job_id> removals;
  /// Running jobs that were cancelled before it was taken.
  std::vector<std::pair<worker_id, lease_token>> cancelled;
  /// Outcomes that are answered when it is committed.
  std::vector<std::pair<worker_id, lease_token>> answers;
};

/// What the rules ask of a job as it was before something happened; far cheaper than a copy of it.
struct was {
  job_state state;
  uint32_t attempt;
  uint32_t failures;
  /// Its last attempt was lost.
  bool lost;
  lease_token lease;
  worker_id worker;
  retry_policy retry;
  /// How long its present delay may be at most.
  milliseconds longest_delay;
};

/// A job that waits for those that it handed its work to.
struct handed_on {
  std::vector<job_id> children;
  uint32_t attempt = 0;
  double progress = 0;
};

class world {
public:
  explicit world(uint64_t seed);
  /// Throws broken_promise.
  void run();

  // What it has met, so that a test of the test can see that nothing is left out.
  std::map<std::string, uint64_t> met;

private:
  uint64_t pick(uint64_t n) {
    return rng_() % n;
  }
  bool chance(uint64_t percent) {
    return pick(100) < percent;
  }

  // world.cpp
  void restart();
  void step();
  void advance(milliseconds by);
  void place();
  void take();
  void commit_some();
  void commit(in_flight& f);
  void perform(in_flight& f);
  void settle();

  // world_clients.cpp
  void client_acts();
  void submit();
  void submit_circle();
  std::vector<job_spec> random_specs();
  /// Jobs of each queue and kind that have not ended.
  std::map<std::string, uint64_t> depths() const;
  void check_depths(std::map<std::string, uint64_t> before);
  void check_receipt(const job_spec& spec, const submit_receipt& r);
  void act_on_job();
  void act_on_archived(const job& row);
  void change_settings();
  void change_node();
  job_id random_job();

  // world_workers.cpp
  void workers_act();
  void worker_acts(sim_worker& w);
  void come_online(sim_worker& w);
  void change_mounts(sim_worker& w);
  void deliver_outcome(sim_worker& w, const assignment& a, bool repeat);
  attempt_outcome random_outcome(const assignment& a);
  delegation random_delegation(const job* j);
  void disturb();
  sim_worker* worker(worker_id id);

  // promises.cpp
  void check_rows(const in_flight& f);
  void check_effects(const in_flight& f);
  void check_outcome(const job& before, const attempt_outcome& o);
  void check_failed(const job& before, const job& now, error_class cls);

  // delegated.cpp
  void check_delegated(const job& before, const delegation& x, size_t children_before);
  /// Jobs that wait for what they handed on, or did when this was called last.
  /// That were handed on so far.
  uint64_t parts_ = 0;
  /// Jobs that the queue has made by itself: copies of parts that take long.
  void learn_copies();
  void check_handed_on();
  /// What an attempt is told that goes on, or is a part.
  void check_told(const assignment& a);
  void check_tick(const std::unordered_map<job_id, was>& before);
  /// Another job that does the same part.
  bool twin_has_ended(const job& j) const;
  static bool is_copy(const job& j);
  void check_placing(const std::unordered_map<job_id, was>& before);
  void check_world();
  void check_counters();
  void check_explained(const job& j);
  void check_quoted(const job& j, const std::vector<std::string>& reasons);
  void check_recovered();
  void check_retention();
  /// Of a row that goes into the database: what its constraints say.
  void check_unique(const job& row);
  void check_revoked();
  /// Jobs that are delayed and were not when this was called last: for how long?
  void check_delays();
  bool could_run(const job& j, const worker_info& w, const std::map<std::pair<worker_id, std::string>, uint32_t>& used);
  /// Jobs in memory.
  std::vector<const job*> jobs() const;
  /// Those of them that have not ended.
  std::unordered_map<job_id, was> snapshot() const;
  void rules_of_lease(const job& j);

  std::mt19937_64 rng_;
  uint32_t keep_completed_ = 0;
  uint32_t keep_failed_ = 0;
  virtual_clock clock_;
  std::unique_ptr<job_queue> queue_;

  // The database.
  std::map<job_id, job> rows_;
  std::map<std::string, queue_settings> settings_rows_;
  std::map<std::string, node_rules> node_rows_;
  uint64_t term_ = 0;

  std::vector<in_flight> flying_;
  in_flight next_;
  std::vector<sim_worker> workers_;
  /// Every id that was ever given to a client.
  std::vector<job_id> ids_;
  std::set<job_id> acknowledged_;
  std::set<job_id> removal_asked_;
  /// When the lease of a running job ends, as the rules say.
  std::map<job_id, milliseconds> lease_ends_;
  /// When a delayed job was first seen so in this life of the queue.
  std::map<job_id, milliseconds> delayed_since_;
  /// When a queued job was first seen so, or left queued by an assignment.
  std::map<job_id, milliseconds> queued_since_;
  /// When a delayed job may run, by the clock that nobody sets.
  std::map<job_id, milliseconds> due_;
  /// Submission id → the job that it made.
  std::map<std::string, job_id> made_by_;
  std::map<job_id, handed_on> handed_on_;
  std::vector<std::pair<worker_id, assignment>> old_assignments_;
  bool calm_ = false;
  uint64_t submissions_ = 0;
};

} // namespace troupe::dispatch::test
