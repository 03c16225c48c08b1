#pragma once

#include "actors/dispatch/dispatcher.hpp"
#include "actors/library/store_reader.hpp"
#include "protocol/ports/files.hpp"

#include <deque>
#include <functional>
#include <unordered_map>
#include <unordered_set>

namespace troupe::catalogue {

struct librarian_config {
  /// Holds the roots of the two built-in libraries: <data>/uploads and <data>/downloads.
  std::string data_folder;
  /// What is no library's: absolute paths of this node's papers and configuration. The system's own folders are none
  /// in any case.
  std::vector<std::string> private_places;
  std::shared_ptr<ports::files> files;
  std::shared_ptr<const clock> time = std::make_shared<const system_clocks>();
  /// Called when catalogue rows have changed: caches forget what they made of them. Any thread; must not block.
  std::function<void()> catalogue_changed;
  /// Called when a library was added, edited or removed, or a scan of it has ended. Like catalogue_changed.
  std::function<void()> libraries_changed = [] {};
  /// What a worker has to offer to scan a library (job_spec::needs). `elsewhere`: this node does not see it, but a
  /// worker of another one does.
  std::function<std::vector<std::string>(library_id, bool elsewhere)> scan_needs = [](library_id, bool) {
    return std::vector<std::string>{};
  };
  /// So long does a library that this node does not see wait for a worker that has it, before it is refused.
  milliseconds elsewhere_limit{6'000};
  /// A folder that has not answered for so long is one that this node does not see.
  milliseconds look_limit{5'000};
  /// While videos change, "library_update" goes out at most this often a category.
  milliseconds update_interval{250};
  /// So long does a batch of a scan wait for room in the queue; then its scanner is told to come back.
  milliseconds max_hold{20'000};
  /// File work on threads of its own. Off in tests only, whose scheduler is not for two threads.
  bool detached = true;
};

struct librarian_peers {
  dispatch::journal journal;
  mesh::job_client jobs;
  store_reader reader;
  mesh::notifier notifier;
  /// Who says which libraries workers have; none: nobody has any.
  mesh::node_admin nodes;
};

/// A scan that has not ended.
struct active_scan {
  scan item;
  job_id job;
  /// Ingest jobs of it that have not ended, as far as was told: a hint. Before a scan ends, the store is asked.
  int64_t outstanding = 0;
  bool walk_ended = false;
  bool checking = false;
  /// The dispatcher was asked to make its job: from then on it must be known there.
  bool submitted = false;
};

/// Ingest jobs that the dispatcher had no room for; submitted again after a while.
struct held_submission {
  scan_id scan;
  mesh::submit_jobs jobs;
  caf::typed_response_promise<mesh::done> reply;
  mono_time until{};
};

/// A library that this node does not see: there for everybody, until it turns out that no worker has it either.
struct library_trial {
  library what;
  /// Why it is not seen here.
  error problem;
  caf::typed_response_promise<library> reply;
  mono_time until{};
};

using load_atom = caf::atom_constant<caf::atom("load")>;
using check_atom = caf::atom_constant<caf::atom("check")>;
using resubmit_atom = caf::atom_constant<caf::atom("resubmit")>;
using update_atom = caf::atom_constant<caf::atom("update")>;
using elsewhere_atom = caf::atom_constant<caf::atom("elsewhere")>;

/// The librarian with what the dispatcher tells it and what it sends to itself.
using librarian_self =
  mesh::librarian::extend_with<dispatch::observer>::extend<mesh::tell<load_atom>, mesh::tell<update_atom>,
                                                           mesh::tell<resubmit_atom>, mesh::tell<check_atom>,
                                                           mesh::tell<elsewhere_atom>>;

struct librarian_state {
  librarian_state() = default;

  librarian_config config;
  librarian_peers peers;
  bool loaded = false;
  /// Why the last reading of the store failed, as it was logged.
  std::string load_problem;
  std::unordered_map<library_id, library> libraries;
  /// Being checked or written: as good as there for who asks for the same folder meanwhile.
  std::unordered_map<library_id, library> pending;
  std::unordered_map<scan_id, active_scan> scans;
  std::deque<held_submission> held;
  std::vector<library_trial> trials;
  /// Scans that have ended, until the store has their rows.
  std::unordered_map<scan_id, scan> ended;
  /// Categories whose listeners have not yet been told that something changed.
  std::unordered_map<std::string, uint64_t> touched;
  /// Removed by a person since this librarian started; see drop_late_result.
  std::unordered_set<video_id> removed;
  bool update_queued = false;
  bool check_queued = false;
};

/// Role: owns the catalogue: libraries, edits, and scans with their phases and counters. Thread: the scheduler's
/// thread; file checks run in detached actors. Supervisor: the library supervisor, one_for_one: libraries and
/// unfinished scans are read again from the store, and until that is done requests are answered errc::unavailable.
librarian_self::behavior_type librarian(librarian_self::stateful_pointer<librarian_state> self, librarian_config config,
                                        librarian_peers peers);

/// Is `inner` this folder, or below it? Of absolute paths as check_root answers them.
bool is_within(std::string_view inner, std::string_view outer);
/// Why this folder can't be a library's root, if so: not absolute, inside another root or the data folder, or around
/// one. Does not touch the disk: real_roots.hpp does.
result<std::string> check_root(std::string root, library_id own, const std::string& data_folder,
                               const std::unordered_map<library_id, library>& others);
/// That no file in such a root is one that a library must not show: the system's own folders, and these absolute paths.
/// `root` is what check_root answers. errc::forbidden.
result<void> check_places(const std::string& root, const std::vector<std::string>& private_places);

} // namespace troupe::catalogue
