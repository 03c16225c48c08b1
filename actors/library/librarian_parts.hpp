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

/// For a question to the dispatcher or to a reader of the store.
constexpr std::chrono::seconds read_timeout{10};

// -- librarian_load.cpp
/// Reads libraries and unfinished scans from the store; makes the built-in libraries; tries again until it works.
void load(librarian_ptr self);

// -- librarian_elsewhere.cpp
/// Adds a library that this node does not see (`problem` says why not), if a worker turns out to have it within the
/// limit; answers the request.
void add_elsewhere(librarian_ptr self, const library& what, const error& problem,
                   caf::typed_response_promise<library> reply);
/// Which of these trials are over.
void look_elsewhere(librarian_ptr self);
/// Does a worker of another node have the library, and this node has no such folder?
void ask_elsewhere(librarian_ptr self, const library& what, std::function<void(bool)> then);

// -- librarian_videos.cpp
caf::result<mesh::done> drop_video(librarian_ptr self, mesh::remove_video what);
caf::result<video_detail> change_video(librarian_ptr self, mesh::edit_video what);
/// What a job made of a video that was removed meanwhile has changed no row (the store sees to that): its files go.
void drop_late_result(librarian_ptr self, const job& x);
/// What a download has fetched so far goes with it when it is cancelled or fails for good: no attempt of it may be
/// running then that could do it.
void drop_leavings(librarian_ptr self, const job& x);

// -- librarian_scans.cpp
caf::result<scan> start_scan(librarian_ptr self, const mesh::scan_library& x);
caf::result<mesh::done> take_scan_batch(librarian_ptr self, mesh::scan_batch x);
/// Submits what waits for room in the queue.
void submit_held(librarian_ptr self);
/// Those of the store, with what is newer here.
caf::result<mesh::scan_list> list_scans(librarian_ptr self, const mesh::get_scans& x);
caf::result<scan> find_scan(librarian_ptr self, const mesh::get_scan& x);
void cancel_scans_of(librarian_ptr self, library_id id);

// -- librarian_scan_end.cpp
void set_phase(scan& x, scan_status phase);
/// The scan's present state as an event of its library; `last`: not to be coalesced.
void tell_scan(librarian_ptr self, const active_scan& x, bool last);
/// Writes and tells the end of a scan and forgets it; nothing when it has ended already.
void end_scan(librarian_ptr self, scan_id id, scan_status how, std::string problem);
void on_job_changed(librarian_ptr self, const job& x);
/// Asks the dispatcher, or its history, what happened to a scan's job meanwhile.
void ask_scan_job(librarian_ptr self, const active_scan& x);
/// Asks the store for the ends that nobody told us of (the dispatcher restarted in between).
void check_scans(librarian_ptr self);
/// check_scans after a while, as long as there are scans.
void queue_check(librarian_ptr self);

} // namespace troupe::catalogue
