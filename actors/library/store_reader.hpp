#pragma once

#include "protocol/mesh/registry.hpp"
#include "protocol/ports/store.hpp"

#include <memory>

namespace troupe::catalogue {

/// Reads of jobs that are no longer in the dispatcher's memory.
using job_history = caf::typed_actor<mesh::in<job_query>::with<job_page>,
                                     mesh::in<mesh::get_job>::with<mesh::job_with_children>>;

/// What the librarian alone asks for: others get it from the librarian, who knows what is newer than the rows.
using librarian_rows = caf::typed_actor<mesh::in<mesh::get_libraries>::with<mesh::library_list>,
                                        mesh::in<mesh::get_scans>::with<mesh::scan_list>,
                                        mesh::in<mesh::get_scan>::with<scan>>;

/// All reads of the store. Spawned several times, so that a slow search holds up nobody who asks for a job.
using store_reader = mesh::catalogue_reader::extend_with<job_history>::extend_with<librarian_rows>;

struct store_reader_state {
  store_reader_state() = default;

  std::unique_ptr<ports::store_reader> reader;
};

/// Role: answers reads from a read-only connection of its own. Thread: its own (spawn detached), because SQL blocks.
/// Supervisor: the library supervisor, one_for_one. A connection that broke is opened again at the next question.
store_reader::behavior_type store_reader_actor(store_reader::stateful_pointer<store_reader_state> self,
                                               std::shared_ptr<ports::database> database);

} // namespace troupe::catalogue
