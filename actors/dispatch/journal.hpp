#pragma once

#include "protocol/mesh/local.hpp"
#include "protocol/ports/store.hpp"

#include <caf/typed_actor.hpp>

#include <memory>

namespace troupe::dispatch {

using unit_ptr = std::shared_ptr<const ports::unit_of_work>;

/// Local message: commit this unit in the job lane, ahead of everything in the catalogue lane.
struct commit_jobs {
  unit_ptr unit;
};

/// Local message: commit this unit in the catalogue lane.
struct commit_catalogue {
  unit_ptr unit;
};

/// Local message: raise the term (once a coordinator's start) or keep it (after a failed commit), and load the jobs.
struct recover_jobs {
  bool raise_term = false;
};

struct recovery {
  uint64_t term = 0;
  std::shared_ptr<ports::recovered_jobs> jobs;
};

/// Local message: remove archived jobs that finished before this time, at most `limit`.
struct purge_jobs {
  timestamp older_than;
  uint32_t limit = 500;
};

struct purged {
  std::vector<ports::purged_job> jobs;
};

} // namespace troupe::dispatch

TROUPE_LOCAL_MESSAGE(troupe::dispatch::commit_jobs)
TROUPE_LOCAL_MESSAGE(troupe::dispatch::commit_catalogue)
TROUPE_LOCAL_MESSAGE(troupe::dispatch::recover_jobs)
TROUPE_LOCAL_MESSAGE(troupe::dispatch::recovery)
TROUPE_LOCAL_MESSAGE(troupe::dispatch::purge_jobs)
TROUPE_LOCAL_MESSAGE(troupe::dispatch::purged)

namespace troupe::dispatch {

/// The only read-write database connection of the node.
using journal = caf::typed_actor<
  // Answered when the unit is committed and synced; errc::stale_lease when its fence did not hold; any other error
  // means that nothing of the unit was written, as far as is known.
  mesh::in<commit_jobs>::with<mesh::done>, mesh::in<commit_catalogue>::with<mesh::done>,
  mesh::in<recover_jobs>::with<recovery>,
  // Answered with those that went.
  mesh::in<purge_jobs>::with<purged>>;

/// Put behind everything that is in the mailbox by now: what arrived together is committed together, and a single unit
/// waits for nothing.
using flush_atom = caf::atom_constant<caf::atom("flush")>;

/// The journal with what it sends to itself.
using journal_self = journal::extend<mesh::tell<flush_atom>>;

/// The fault lies in what was to be written, and not in the database.
bool is_about_rows(const error& err) noexcept;

struct journal_config {
  /// A commit takes units until it has this many rows; a larger unit is committed alone.
  size_t max_rows = 500;
};

/// Units that wait for the next commit, job lane first. Actor-free, so that its order is tested without threads.
class commit_lanes {
public:
  struct entry {
    unit_ptr unit;
    caf::typed_response_promise<mesh::done> reply;
  };

  void add_job(entry x) {
    jobs_.push_back(std::move(x));
  }
  void add_catalogue(entry x) {
    catalogue_.push_back(std::move(x));
  }
  bool empty() const noexcept {
    return jobs_.empty() && catalogue_.empty();
  }
  /// What goes into the next commit: at least one unit, then as many as fit into `max_rows`.
  std::vector<entry> next(size_t max_rows);

private:
  std::deque<entry> jobs_;
  std::deque<entry> catalogue_;
};

struct journal_state {
  journal_state() = default;

  std::unique_ptr<ports::store_writer> writer;
  journal_config config;
  uint64_t term = 0;
  commit_lanes lanes;
  bool flush_queued = false;
};

/// Role: makes every change of the database durable, many in one commit. Thread: its own (spawn detached), because
/// commits block. Supervisor: the dispatch supervisor, one_for_all with the dispatcher: a journal that is gone takes
/// the dispatcher's memory with it. When a commit fails for what is in it, its units are committed one by one, so that
/// only the culprit is answered with the error; when the database fails, all of them are.
journal_self::behavior_type journal_actor(journal_self::stateful_pointer<journal_state> self,
                                          std::shared_ptr<ports::database> database, journal_config config);

} // namespace troupe::dispatch
