#pragma once

// What the queue keeps in memory for a job, a queue, a kind and a worker. Plain data; the classes beside it own the
// rules. Addresses are stable for the life of the record.

#include "actors/dispatch/intrusive_list.hpp"
#include "protocol/model/job_kinds.hpp"
#include "protocol/model/worker.hpp"

#include <array>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe::dispatch {

struct entry;
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
  uint32_t keep_completed = 10;
  uint32_t keep_failed = 50;
  /// Finished jobs that may leave memory.
  finished_set completed;
  finished_set failed;
  /// Requirements that wait for the kind to open.
  std::vector<requirement*> parked;
};

struct queue_state : limit_group {
  std::string name;
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
  /// End of the lease while running, end of the delay while delayed.
  mono_time due{};
  /// When it was given to its worker, or recovered.
  mono_time since{};
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
  /// Among the finished jobs that may leave memory.
  bool expendable = false;
};

using job_table = std::unordered_map<job_id, entry>;

/// What a worker takes of one queue.
struct worker_slots {
  queue_state* queue = nullptr;
  uint32_t slots = 0;
  uint32_t used = 0;
  /// Its key among the free workers of its lane, when it is there.
  bool listed = false;
  uint32_t listed_used = 0;
  uint64_t listed_order = 0;
};

struct worker_record {
  worker_id id;
  std::string node_name;
  bool embedded = false;
  /// Both sorted, each once.
  std::vector<std::string> kinds;
  std::vector<std::string> capabilities;
  std::vector<worker_slots> slots;
  intrusive_list<entry, &entry::held_hook> held;
  list_hook<worker_record> silence_hook;
  profile* group = nullptr;
  /// It said hello in this life of the queue and its link is up.
  bool connected = false;
  /// Silent for a lease: gets nothing until it is heard again.
  bool suspect = false;
  timestamp joined;
  mono_time last_seen{};
  /// Order of the last assignment: the one that waited longest is served first.
  uint64_t served = 0;

  bool assignable() const noexcept {
    return connected && !suspect;
  }
};

using worker_table = std::unordered_map<worker_id, worker_record>;

} // namespace troupe::dispatch
