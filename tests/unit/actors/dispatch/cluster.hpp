#pragma once

// A whole cluster around the job queue, as large as wanted: a thousand workers on nodes of different speed and size, a
// million jobs of many owners, on a virtual clock and driven by events. The worlds of world.hpp look at everything at
// every step and are small; this one checks what it can in constant time a change, and so at full size:
// nothing acknowledged is lost, nothing is completed twice, stale tokens change nothing, slots and tokens are never
// exceeded, retries go elsewhere first, nobody is overtaken for longer than the rules say, small owners are served in
// bounded time, and every job ends.

#include "tests/unit/actors/dispatch/world.hpp"

#include <deque>
#include <queue>

namespace troupe::dispatch::test {

struct cluster_plan {
  uint64_t seed = 1;
  uint32_t workers = 1'000;
  uint32_t jobs = 1'000'000;
  /// Switches a rule off, to show that the checks notice.
  bool unfenced = false;
  bool without_aging = false;
};

struct cluster_figures {
  uint64_t starts = 0;
  uint64_t completed = 0;
  uint64_t failed = 0;
  uint64_t retries_elsewhere = 0;
  uint64_t retries_same_node = 0;
  uint64_t deepest = 0;
  uint64_t bytes_a_job = 0;
  /// Starts a second of processor time in all calls of the queue, those that read the clock included.
  double decisions_a_second = 0;
  /// The processor time in assign() alone, in microseconds a start.
  double assign_us = 0;
  double seconds = 0;
  milliseconds virtual_time{0};
  milliseconds longest_wait{0};
  milliseconds longest_wait_of_few{0};
  /// From the death of a process until what it ran was taken from it.
  milliseconds longest_until_freed{0};
  /// Of all that was decided, in order: the same for the same plan.
  uint64_t digest = 0;
  std::map<std::string, uint64_t> met;
};

class cluster {
public:
  explicit cluster(const cluster_plan& plan);
  ~cluster();
  /// Throws broken_promise.
  cluster_figures run();

private:
  // What a job is follows from its number and the seed, so that the database need not hold it.
  job_spec spec_of(uint32_t n) const;
  double size_of(uint32_t n, std::string_view kind) const;
  uint64_t hashed(uint64_t a, uint64_t b) const;
  static job_id id_of(uint32_t n) {
    return job_id{{1, uint64_t{n} + 1}};
  }
  static uint32_t number_of(job_id id) {
    return static_cast<uint32_t>(id.raw.lo - 1);
  }

  struct end_of_attempt {
    bool won = false;
    error_class cls = error_class::transient;
  };
  struct item {
    assignment what;
    bool ended = false;
    bool sent = false;
  };
  struct sim_node {
    double speed = 1;
    int64_t sick_until = 0;
    bool drained = false;
  };
  struct sim_host {
    worker_hello hello;
    uint32_t node = 0;
    uint32_t incarnation = 0;
    bool alive = true;
    bool linked = false;
    int64_t frozen_until = 0;
    std::unordered_map<job_id, item> items;
  };
  /// What the database holds of a job.
  struct row {
    job_state state = job_state::waiting;
    bool there = false;
    bool acknowledged = false;
    bool embedded = false;
    uint8_t priority = 0;
    uint32_t attempt = 0;
    uint32_t failures = 0;
    uint32_t interruptions = 0;
    uint32_t node = 0;
    uint64_t term = 0;
    worker_id worker;
    int64_t created = 0;
    int64_t run_at = 0;
  };
  /// What the queue says of a job, followed through its batches.
  struct view {
    job_state state = job_state::waiting;
    uint32_t attempt = 0;
    /// While it runs.
    worker_id holder;
    int64_t queued_since = 0;
  };
  /// Jobs whose order only age and work decide.
  struct line {
    std::set<std::pair<int64_t, uint32_t>> queued;
    uint32_t overtaken_in_a_row = 0;
  };
  struct load {
    std::map<std::string, uint32_t> slots;
    uint64_t cores = 0, memory = 0, gpu = 0;
    uint32_t costly = 0;
  };
  enum class what : uint8_t { submit, flush, commit, renew, end, link, disturb, tick };
  struct event {
    int64_t at = 0;
    uint64_t order = 0;
    what kind = what::flush;
    uint32_t host = 0;
    uint32_t incarnation = 0;
    job_id job;
    uint32_t attempt = 0;
    bool operator<(const event& x) const {
      return at != x.at ? at > x.at : order > x.order;
    }
  };
  struct flight {
    batch what;
    std::vector<uint32_t> submitted;
    std::vector<std::tuple<uint32_t, uint32_t, lease_token>> answers;
  };

  uint64_t pick(uint64_t n) {
    return rng_() % n;
  }
  bool chance(uint64_t in_thousand) {
    return pick(1'000) < in_thousand;
  }
  void at(int64_t wait, what kind, uint32_t host = 0, uint32_t incarnation = 0, job_id job = {}, uint32_t attempt = 0);

  /// Counts the time that a call of the queue takes.
  template <class F>
  auto timed(F call);
  // cluster.cpp: what happens
  void make_nodes();
  void start_coordinator();
  void crash_coordinator();
  job recovered(uint32_t n) const;
  void handle(const event& e);
  void submit();
  void flush();
  void commit();
  void renew(uint32_t host);
  void end(const event& e);
  void link(uint32_t host);
  void hand_in(uint32_t host, item& x);
  void disturb();
  void kill(uint32_t host);
  void cut(uint32_t host, int64_t how_long);
  end_of_attempt outcome_of(uint32_t n, uint32_t attempt, const sim_host& h) const;
  int64_t duration_of(uint32_t n, const assignment& a, const sim_host& h, bool won) const;
  bool settled() const;

  // cluster_checks.cpp: what must hold
  void digest(const batch& b);
  void follow(const batch& b);
  void check_loss(const view& v, const job& x);
  void check_start(uint32_t n, const job& x);
  void check_lines(uint32_t n, const job& x);
  void check_loads();
  void check_commit(const flight& f);
  void check_end();
  bool others_surely_able(const job& x, const std::set<std::string>& failed);
  line* line_of(uint32_t n, const job& x);
  void take_load(worker_id holder, const job_spec& spec, int sign);

  /// Short, so that it matters within the time that the clusters of the tests live.
  static constexpr milliseconds longest_handicap{20'000};

  cluster_plan plan_;
  std::mt19937_64 rng_;
  virtual_clock clock_;
  std::unique_ptr<job_queue> queue_;
  queue_config config_;
  std::vector<sim_node> nodes_;
  std::vector<sim_host> hosts_;
  std::unordered_map<worker_id, uint32_t> by_id_;
  std::map<std::string, uint32_t> node_index_;
  std::vector<row> rows_;
  std::map<std::string, node_rules> rules_;
  std::vector<view> views_;
  /// By worker, as the queue knows it: a process that is gone keeps its leases until they end.
  std::unordered_map<worker_id, load> loads_;
  std::set<worker_id> touched_;
  /// Processes that were killed while the coordinator of now was there, and when.
  std::unordered_map<worker_id, int64_t> died_;
  std::map<std::pair<std::string, uint8_t>, line> lines_;
  std::priority_queue<event> events_;
  std::deque<flight> flying_;
  flight next_;
  uint64_t events_made_ = 0;
  uint32_t submitted_ = 0;
  std::deque<uint32_t> again_;
  uint64_t ended_ = 0;
  uint64_t term_ = 0;
  uint64_t open_ = 0;
  bool committing_ = false;
  bool flush_queued_ = false;
  int64_t tick_at_ = INT64_MAX;
  int64_t last_crash_ = INT64_MIN / 2;
  /// Processor time in calls of the queue, in seconds; and of that in assign().
  double in_queue_ = 0;
  double in_assign_ = 0;
  cluster_figures figures_;
};

} // namespace troupe::dispatch::test
