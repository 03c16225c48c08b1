#pragma once

// Which queued job goes to which worker. Queued jobs are grouped by what they require (queue, kind, needs, prefers,
// cost), within that by priority and owner into flows; workers by what they offer (kinds, and those capabilities that
// some job asks for). A lane joins the two: the workers of one group with room for one demand (queue, kind, cost), and
// the best job of each requirement that they could run. Placing a job looks at lanes that have both, never at single
// jobs; a paused or limited kind is parked until it opens, so it costs nothing.
//
// The order of jobs: priority; then owners by their virtual time (fair_shares); then age, where a job counts as younger
// by what it is expected to take (`ripe`), never by more than `longest_handicap`: small and interactive work goes
// first, and a job is overtaken only by those made less than that after it. What is left of a job whose parts are done
// is small. Keys of lanes and flows may be better than
// what is really there (a head was taken, an owner was charged), never worse: they are corrected when they come to the
// front.

#include "actors/dispatch/age_line.hpp"
#include "actors/dispatch/job_queue.hpp"
#include "actors/dispatch/speeds.hpp"

#include <list>
#include <memory>
#include <optional>
#include <tuple>

namespace troupe::dispatch {

/// When it is whose turn; the smaller goes first.
struct turn {
  uint8_t priority = 0;
  double tag = 0;
  int64_t ripe = 0;
  job_id id;

  auto operator<=>(const turn&) const = default;
};

/// (when, what) of things that have numbers. What is due at the same moment goes in the order in which it was made: by
/// their addresses two runs of the same would differ.
struct in_order {
  template <class When, class T>
  bool operator()(const std::pair<When, T*>& a, const std::pair<When, T*>& b) const noexcept {
    return a.first != b.first ? a.first < b.first : a.second->number < b.second->number;
  }
};

template <class When, class T>
using ordered = std::set<std::pair<When, T*>, in_order>;

/// The queued jobs of one owner and priority that require the same.
struct flow {
  requirement* of = nullptr;
  account* owner = nullptr;
  uint8_t priority = 0;
  /// Its key in of->order.
  turn key;
  age_line line;
  /// Those whose work is known, the shortest first.
  struct shorter {
    bool operator()(const entry* a, const entry* b) const noexcept {
      return a->row.spec.work != b->row.spec.work ? a->row.spec.work < b->row.spec.work : a->row.id < b->row.id;
    }
  };
  std::set<entry*, shorter> by_work;
  /// Times in a row that another than the first in line was started.
  uint32_t passed = 0;
};

struct demand {
  queue_state* queue = nullptr;
  kind_state* kind = nullptr;
  resources cost;

  bool operator==(const demand&) const = default;
  auto operator<=>(const demand& x) const noexcept {
    return std::tie(queue->index, kind->index, cost) <=> std::tie(x.queue->index, x.kind->index, x.cost);
  }
};

/// A lane of a requirement.
struct way {
  dispatch::lane* lane = nullptr;
  /// How many of the capabilities that the requirement prefers its workers offer.
  uint32_t rank = 0;
};

/// The queued jobs that require the same.
struct requirement {
  /// Among all that were made.
  uint64_t number = 0;
  demand wants;
  /// Sorted, each once.
  std::vector<std::string> needs;
  std::vector<std::string> prefers;
  /// Its jobs go on with what they have handed on.
  bool goes_on = false;
  std::map<std::pair<uint8_t, account*>, flow> flows;
  /// No two have the same turn.
  std::set<std::pair<turn, flow*>> order;
  /// Those whose workers may run it.
  std::vector<way> ways;
  /// Jobs in memory that point here.
  uint64_t users = 0;
  /// Listed in kind->parked and in no lane.
  bool parked = false;
  /// Only lanes of this rank or better, until `hold_until`: workers that it prefers are there, but full.
  uint32_t least_rank = 0;
  mono_time hold_until{};
  /// Jobs made until then have waited for them as long as it is worth, milliseconds since 1970.
  int64_t held_enough = INT64_MIN;
  /// Since when a later turn has been started beside it, because it lacks tokens; not set: not so.
  mono_time overtaken{};
  worker_record* reserved = nullptr;

  bool empty() const noexcept {
    return order.empty();
  }
  /// Does its kind let another of its jobs start?
  bool open() const noexcept {
    return wants.kind->open(goes_on);
  }
};

struct free_worker {
  /// What one more job would make of it: jobs by speed. The least first.
  float load = 0;
  uint64_t served = 0;
  worker_record* worker = nullptr;

  bool operator<(const free_worker& x) const noexcept {
    if (load != x.load)
      return load < x.load;
    return served != x.served ? served < x.served : worker->id < x.worker->id;
  }
};

struct active_lanes {
  queue_state* queue = nullptr;
  ordered<turn, lane> lanes;
};

struct lane {
  /// Among all that were made.
  uint64_t number = 0;
  demand wants;
  profile* group = nullptr;
  active_lanes* all = nullptr;
  /// Its place in group->lanes.
  size_t index = 0;
  /// Requirements that have it among their ways.
  size_t users = 0;
  std::set<free_worker> free;
  /// One entry for each requirement in `posted`.
  ordered<turn, requirement> heads;
  std::unordered_map<requirement*, turn> posted;
  bool active = false;
  turn active_as;
};

/// Workers that offer the same.
struct profile {
  std::vector<std::string> kinds;
  std::vector<std::string> capabilities;
  std::vector<std::unique_ptr<lane>> lanes;
  std::vector<worker_record*> workers;
};

class ready_index {
public:
  ready_index(const placing_rules& rules, const clock& clk) : rules_(rules), clk_(clk) {
  }

  /// Gives the job its requirement group and account; balanced by release.
  void bind(entry& e);
  /// What it prefers, or whether it has handed its work on, has changed. Not while it is queued.
  void rebind(entry& e);
  void unbind(entry& e);

  void add(entry& e);
  void remove(entry& e);
  /// Call when a kind may have opened: a job of it ended, or its settings changed.
  void kind_changed(kind_state& kind);

  /// Call after its kinds or capabilities are set; `slots` may change before slots_changed.
  void attach(worker_record& w);
  void detach(worker_record& w);
  /// Call when its slots or tokens, or whether it is assignable changed.
  void slots_changed(worker_record& w);
  /// Call when what is used of its slots or tokens, or what it is kept free for, changed.
  void used_changed(worker_record& w);
  /// Another number whenever what workers offer may have changed.
  uint64_t offers() const noexcept {
    return offers_;
  }

  struct placement {
    entry* job = nullptr;
    worker_record* worker = nullptr;
  };
  /// The best queued job that may start now and a worker for it; no job: none can. Some are set aside on the way.
  placement next();
  /// It is being started: its owner is charged. Before remove.
  void started(entry& e, worker_record& w);
  /// It runs no longer; it took so long.
  void ended(entry& e, milliseconds took);

  /// What time changes: jobs that waited for another node, requirements that waited for a preferred worker or tokens.
  void tick();
  mono_time next_deadline() const;

  /// How long its next attempt is expected to take on a node of median speed.
  milliseconds expected(const entry& e) const;

  // For people.

  /// Queued jobs of the same queue that come first, about; counts no further than `most`.
  uint64_t jobs_before(const entry& e, uint64_t most) const;
  /// Of owners that have had less, among them.
  uint64_t jobs_of_others_before(const entry& e, uint64_t most) const;
  /// nullptr when the group has no queued job.
  const entry* oldest(const limit_group& group) const;
  /// Can the worker run it, apart from what it is busy with?
  static bool able(const worker_record& w, const entry& e);
  /// Names of nodes that a retry should not go to.
  static std::vector<std::string_view> failed_on(const entry& e);
  /// Is there a worker of another node that could run it?
  bool others_could(const entry& e) const;

  fair_shares shares;
  dispatch::speeds speeds;

private:
  using requirement_key = std::tuple<demand, std::vector<std::string>, std::vector<std::string>, bool>;

  // ready_index.cpp: jobs and workers
  void learn(const std::vector<std::string>& capabilities);
  void drop(profile& p);
  void sweep();
  void sweep_lanes();
  lane& lane_of(profile& p, const demand& d);
  void join(profile& p, requirement& r);
  static bool matches(const profile& p, const requirement& r) noexcept;
  void line_up(entry& e);
  /// 0 where it is not known, or says nothing of what is left.
  static double work_of(const entry& e) noexcept;
  void set_ripe(entry& e) const;
  void list(worker_record& w, lane& l);
  void unlist(worker_record& w, lane& l);
  bool wanted(const worker_record& w, const worker_slots* s, const lane& l) const;

  // placing.cpp: lanes and choices
  static void post(lane& l, requirement& r, const turn& key);
  static void withdraw(lane& l, requirement& r);
  void post_everywhere(requirement& r);
  turn turn_of(flow& f) const;
  /// The best of its flows, corrected.
  flow& head(requirement& r);
  /// The best job that the lane's workers may start, or nullptr; corrects and parks on the way.
  requirement* front(lane& l);
  void update_active(lane& l);
  lane* best_lane();
  placement place(requirement& r);
  bool waits_for_preferred(requirement& r, uint32_t best_free);
  worker_record* elsewhere(const requirement& r, const entry& e) const;
  void set_aside(entry& e);
  void call_back(const worker_record& w, const lane& l, uint32_t most);
  /// For when nothing else can start: those that were called back may have gone to other workers than those that they
  /// were called for. False: none of those that are set aside can start.
  bool call_back_one();
  entry* by_speed(flow& f, const lane& l) const;
  void note_overtaken(const requirement& r, const turn& at, const worker_record& w);
  void reserve(requirement& r);
  void end_reservation(requirement& r);

  placing_rules rules_;
  const clock& clk_;
  std::map<requirement_key, std::unique_ptr<requirement>> requirements_;
  requirement* last_bound_ = nullptr;
  std::map<std::pair<std::vector<std::string>, std::vector<std::string>>, std::unique_ptr<profile>> profiles_;
  std::set<worker_record*> workers_;
  /// Capabilities that some job asks for: others don't tell workers apart.
  std::set<std::string> relevant_;
  std::list<active_lanes> active_;
  /// Requirements that take tokens and have queued jobs.
  std::vector<requirement*> thirsty_;
  /// Retries that wait for another node, by the end of their wait.
  std::set<std::tuple<mono_time, job_id, entry*>> aside_;
  ordered<mono_time, requirement> held_;
  ordered<mono_time, requirement> overtaken_;
  size_t sweep_at_ = 1024;
  uint64_t offers_ = 0;
  /// Requirements and lanes that were made.
  uint64_t numbers_ = 0;
};

} // namespace troupe::dispatch
