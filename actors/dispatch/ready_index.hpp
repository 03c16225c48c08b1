#pragma once

// Which queued job goes to which worker. Queued jobs are grouped by what they require (queue, kind, needs), workers by
// what they offer (kinds, and those capabilities that some job needs). A lane joins the two: the workers of one group
// with free slots of one queue, and the best job of each group that they could run. Placing a job looks at lanes that
// have both, never at single jobs; a paused or limited kind is parked until it opens, so it costs nothing.

#include "actors/dispatch/records.hpp"

#include <deque>
#include <map>
#include <memory>

namespace troupe::dispatch {

/// Best first: priority, then age.
struct ready_key {
  uint8_t priority = 0;
  job_id id;

  auto operator<=>(const ready_key&) const = default;
};

struct lane;

/// The queued jobs that require the same.
struct requirement {
  queue_state* queue = nullptr;
  kind_state* kind = nullptr;
  /// Sorted, each once.
  std::vector<std::string> needs;
  std::map<ready_key, entry*> ready;
  /// Those whose workers may run it.
  std::vector<lane*> lanes;
  /// Jobs in memory that point here.
  uint64_t users = 0;
  /// Listed in kind->parked and in no lane.
  bool parked = false;
};

struct free_worker {
  uint32_t used = 0;
  uint64_t order = 0;
  worker_record* worker = nullptr;

  auto operator<=>(const free_worker&) const = default;
};

struct lane {
  queue_state* queue = nullptr;
  profile* group = nullptr;
  /// Least loaded first, then the one that waited longest.
  std::set<free_worker> free;
  /// One entry for each requirement in `posted`. A key may be better than what the requirement really has (its head
  /// was taken meanwhile), never worse: it is corrected when it comes to the front.
  std::set<std::pair<ready_key, requirement*>> heads;
  std::unordered_map<requirement*, ready_key> posted;
  bool active = false;
};

/// Workers that offer the same.
struct profile {
  std::vector<std::string> kinds;
  std::vector<std::string> capabilities;
  std::map<queue_state*, std::unique_ptr<lane>> lanes;
  size_t workers = 0;
};

class ready_index {
public:
  /// Gives the job its requirement group; balanced by release.
  void bind(entry& e);
  void unbind(entry& e);

  void add(entry& e);
  void remove(entry& e);
  /// Call when a kind may have opened: a job of it ended, or its settings changed.
  void kind_changed(kind_state& kind);

  /// Call after its kinds or capabilities are set; `slots` may change before slots_changed.
  void attach(worker_record& w);
  void detach(worker_record& w);
  /// Call when slots, what is used of them, or whether it is assignable changed.
  void slots_changed(worker_record& w);
  void slots_changed(worker_record& w, worker_slots& s);

  struct placement {
    entry* job = nullptr;
    worker_record* worker = nullptr;
  };
  /// The best queued job that may start now and a worker for it; no job: none can.
  placement next();

  /// Queued jobs of the same queue that come first; counts no further than `most`.
  uint64_t jobs_before(const entry& e, uint64_t most) const;
  /// nullptr when the group has no queued job.
  const entry* oldest(const limit_group& group) const;

private:
  using requirement_key = std::pair<std::pair<queue_state*, kind_state*>, std::vector<std::string>>;

  static bool matches(const profile& p, const requirement& r) noexcept;
  static void post(lane& l, requirement& r, const ready_key& key);
  static void withdraw(lane& l, requirement& r);
  void post_everywhere(requirement& r);
  /// The best job that the lane's workers may start, or nullptr; corrects and parks on the way.
  requirement* front(lane& l);
  void update_active(lane& l);
  lane& lane_of(profile& p, queue_state& q);
  void learn_needs(const std::vector<std::string>& needs);
  void drop(profile& p);
  void sweep();

  std::map<requirement_key, std::unique_ptr<requirement>> requirements_;
  std::map<std::pair<std::vector<std::string>, std::vector<std::string>>, std::unique_ptr<profile>> profiles_;
  std::set<worker_record*> workers_;
  /// Capabilities that some job needs: others don't tell workers apart.
  std::set<std::string> relevant_;
  std::vector<lane*> active_;
  size_t sweep_at_ = 1024;
};

} // namespace troupe::dispatch
