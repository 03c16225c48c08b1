#pragma once

// Shared by the librarian's .cpp files only.

#include "actors/library/librarian.hpp"

namespace troupe::catalogue {

using librarian_ptr = librarian_self::stateful_pointer<librarian_state>;

extern const error loading_error;

timestamp now();

/// Commits in the catalogue lane; `then` gets nullptr or the error, in the librarian's context.
void commit(librarian_ptr self, ports::unit_of_work unit, std::function<void(const error*)> then);

/// Something in this category changed: caches forget, listeners are told soon.
void touch(librarian_ptr self, const std::string& category);

// -- librarian_scans.cpp
/// Reads libraries and unfinished scans from the store; makes the built-in libraries; tries again until it works.
void load(librarian_ptr self);
caf::result<scan> start_scan(librarian_ptr self, const mesh::scan_library& x);
caf::result<mesh::done> take_scan_batch(librarian_ptr self, mesh::scan_batch x);
void on_job_changed(librarian_ptr self, const job& x);
/// Asks the store for the ends that nobody told us of (the dispatcher restarted in between).
void check_scans(librarian_ptr self);
/// Submits what waits for room in the queue.
void submit_held(librarian_ptr self);
void cancel_scans_of(librarian_ptr self, library_id id);

} // namespace troupe::catalogue
