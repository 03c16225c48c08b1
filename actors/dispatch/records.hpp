#pragma once

// What the queue keeps in memory for a job, a queue, a kind and a worker. Plain data; the classes beside it own the
// rules. Addresses are stable for the life of the record.

#include "actors/dispatch/fair_shares.hpp"
#include "actors/dispatch/intrusive_list.hpp"
#include "actors/dispatch/node_scores.hpp"
#include "protocol/model/job_kinds.hpp"
#include "protocol/model/node.hpp"
#include "protocol/model/worker.hpp"

#include <array>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::dispatch {

struct entry;
struct flow;
struct lane;
struct requirement;
struct worker_record;
struct profile;

/// Settings and counters that a queue and a kind have in common.
struct limit_group {
  queue_settings settings;
  std::array<uint64_t, 7> by_state{};

  uint64_t count(job_state s) const noexcept {
    return by_state[static_cast<size_t>(s)];
  }
  uint64_t running() const noexcept {
    return count(job_state::running);
  }
  /// Jobs that are not terminal.
  uint64_t depth() const noexcept {
    return count(job_state::waiting) + count(job_state::delayed) + count(job_state::queued) + running();
  }
  bool at_limit() const noexcept {
    return settings.max_running != 0 && running() >= settings.max_running;
  }
  /// May another of its jobs start?
  bool open() const noexcept {
    return !settings.paused && !at_limit();
  }
};

/// (order of finishing, job): the oldest first.
using finished_set = std::set<std::pair<uint64_t, entry*>>;

struct kind_state : limit_group {
  std::string name;
  /// Among all kinds, as the speeds of nodes know it.
  uint32_t index = 0;
  bool interactive = false;
  milliseconds typical{0};
  resources cost;
  /// The kind that its jobs can hand their work to; nullptr: they never do.
  const kind_state* part = nullptr;
  /// The kind of the jobs that its jobs are parts of; nullptr: none.
  const kind_state* whole = nullptr;
  /// Jobs that have handed their work on and neither run nor have ended: their films are being made.
  uint64_t handed_on = 0;
  uint32_t keep_completed = 10;
  uint32_t keep_failed = 50;
  /// Finished jobs that may leave memory.
  finished_set completed;
  finished_set failed;
  /// Requirements that wait for the kind to open.
  std::vector<requirement*> parked;

  /// Jobs that count for its limit: a job is one from its start to its end, whoever works on it. A kind whose jobs
  /// could be their own parts would wait for itself.
  uint64_t busy() const noexcept {
    return running() + (part ? handed_on : 0);
  }
  bool at_limit() const noexcept {
    return settings.max_running != 0 && busy() >= settings.max_running;
  }
  bool paused() const noexcept {
    return settings.paused || (whole && whole->settings.paused);
  }
  /// May another of its jobs start? One that goes on counts already, so that only a pause keeps it from that.
  bool open(bool goes_on) const noexcept {
    return !paused() && ((goes_on && part) || !at_limit());
  }
};

struct queue_state : limit_group {
  std::string name;
  /// Among all queues.
  uint32_t index = 0;
};

/// A waiting job as the job that it waits for sees it. Entries whose job left `waiting` meanwhile are skipped.
struct dependent_ref {
  job_id id;
  uint32_t wait_round = 0;
};

struct entry {
  job row;
  kind_state* kind = nullptr;
  queue_state* queue = nullptr;
  requirement* needs = nullptr;
  worker_record* holder = nullptr;
  /// In order of lease end, and among those that the holder has.
  list_hook<entry> lease_hook;
  list_hook<entry> held_hook;
  account* owner = nullptr;
  /// Where it stands while it is queued; nullptr while it is set aside for a node other than those where it failed.
  flow* line = nullptr;
  uint64_t line_at = 0;
  /// Its place in line: when it was made and how long smaller work may overtake it, milliseconds since 1970.
  int64_t ripe = 0;
  /// A retry that is queued waits for another node until then; not set: it is none.
  mono_time aside_until{};
  /// What its owner was charged when it started.
  float charged = 0;
  /// End of the lease while running, end of the delay while delayed.
  mono_time due{};
  /// When it was given to its worker, or recovered.
  mono_time since{};
  /// While it runs: when its progress last rose.
  mono_time moved{};
  /// Jobs that wait for this one, and how many of them still do.
  std::vector<dependent_ref> dependents;
  uint32_t waiting_dependents = 0;
  /// Of its own dependencies: not terminal yet.
  uint32_t unmet = 0;
  /// Counts how often it was put into `waiting`.
  uint32_t wait_round = 0;
  uint32_t dirty_position = 0;
  std::vector<job_id> children;
  /// Listed among the children of a parent in memory, which keeps it there too.
  bool adopted = false;
  uint64_t finish_order = 0;
  /// A row of it was handed out.
  bool written = false;
  bool dirty = false;
  /// State or stage changed since the last take.
  bool changed = false;
  /// An attempt failed and it was queued at once, since the last take.
  bool rerun = false;
  /// Among the finished jobs that may leave memory.
  bool expendable = false;
  /// Its progress is what its row had: it has not been heard of since the restart.
  bool stale_progress = false;
  /// Another child of its parent was there before it and does the same work.
  bool copy = false;
};

using job_table = std::unordered_map<job_id, entry>;

/// A node by its name, with all workers that have it.
struct node_record {
  node_rules rules;
  /// Among all nodes, as the speeds know it.
  uint32_t index = 0;
  std::vector<worker_record*> workers;
  /// Jobs that its workers hold.
  uint32_t running = 0;
  /// When the last of its workers left or was lost.
  std::optional<mono_time> left;
  /// New work may go to it.
  bool open = true;
  probation probe;
  /// The attempt that is to show whether it works again.
  lease_token probing;
};

using node_table = std::map<std::string, node_record, std::less<>>;

/// What a worker takes of one queue.
struct worker_slots {
  queue_state* queue = nullptr;
  /// As things are, and as the worker itself says: an administrator may have said otherwise.
  uint32_t slots = 0;
  uint32_t offered = 0;
  uint32_t used = 0;
  /// Order of the last assignment: the one that waited longest is served first.
  uint64_t served = 0;
};

/// Its place among the free workers of one lane.
struct listing {
  bool listed = false;
  float load = 0;
  uint64_t served = 0;
};

struct worker_record {
  worker_id id;
  std::string node_name;
  bool embedded = false;
  /// Both sorted, each once.
  std::vector<std::string> kinds;
  std::vector<std::string> capabilities;
  /// What is wrong with its node, as it says.
  std::vector<std::string> problems;
  /// As in worker_hello.
  std::string software;
  std::string file_address;
  std::vector<worker_slots> slots;
  intrusive_list<entry, &entry::held_hook> held;
  list_hook<worker_record> silence_hook;
  profile* group = nullptr;
  /// One for each lane of its group, in the same order.
  std::vector<listing> listings;
  node_record* node = nullptr;
  /// What it has in all (0: no limit), and what its jobs take.
  resources tokens;
  resources in_use;
  /// Kept free for this requirement, whose jobs are too large to find room by chance.
  requirement* reserved_for = nullptr;
  /// It said hello in this life of the queue and its link is up.
  bool connected = false;
  /// Silent for a lease: gets nothing until it is heard again.
  bool suspect = false;
  timestamp joined;
  mono_time last_seen{};

  bool assignable() const noexcept {
    return connected && !suspect && node->open;
  }
  const worker_slots* slots_for(const queue_state* q) const noexcept {
    for (auto& s : slots)
      if (s.queue == q)
        return &s;
    return nullptr;
  }
  /// Are there tokens for it? What takes more than there is may run alone.
  bool has_tokens(const resources& cost) const noexcept {
    auto fits = [](uint32_t of, uint32_t used, uint32_t more) {
      return of == 0 || more == 0 || uint64_t{used} + more <= of;
    };
    return held.empty()
           || (fits(tokens.cores, in_use.cores, cost.cores)
               && fits(tokens.memory_mib, in_use.memory_mib, cost.memory_mib)
               && fits(tokens.gpu_sessions, in_use.gpu_sessions, cost.gpu_sessions));
  }
};

using worker_table = std::unordered_map<worker_id, worker_record>;

} // namespace troupe::dispatch
