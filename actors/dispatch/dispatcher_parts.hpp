#pragma once

// Shared by the dispatcher's .cpp files only.

#include "actors/dispatch/dispatcher.hpp"

namespace troupe::dispatch {

using dispatcher_ptr = dispatcher_self::stateful_pointer<dispatcher_state>;

/// The answer to every request while the queue is read from the store.
extern const error recovering_error;

// -- dispatcher_commit.cpp
/// Commits what has changed as soon as no other commit is in flight; whatever arrives until then goes with it.
void queue_flush(dispatcher_ptr self);
void flush(dispatcher_ptr self);
/// Reads the queue from the store, until it works.
void start_recovery(dispatcher_ptr self);
/// The queue's next deadline is over.
void on_tick(dispatcher_ptr self);

/// Calls `then` with nullptr once what has just been changed is committed, or with the error that prevented it.
inline void when_committed(dispatcher_ptr self, std::function<void(const error*)> then) {
  self->state.waiting.push_back(std::move(then));
  queue_flush(self);
}

/// Answers `reply` with `value` once what has just been changed is committed.
template <class T>
void answer_when_committed(dispatcher_ptr self, caf::typed_response_promise<T> reply, T value) {
  when_committed(self, [reply, value = std::move(value)](const error* err) mutable {
    if (err)
      reply.deliver(mesh::to_caf(*err));
    else
      reply.deliver(std::move(value));
  });
}

// -- dispatcher_submit.cpp
caf::result<mesh::submitted> on_submit(dispatcher_ptr self, mesh::submit_jobs& x);

// -- dispatcher_workers.cpp
caf::result<worker_welcome> on_hello(dispatcher_ptr self, const worker_hello& hello, const mesh::worker_link& link);
caf::result<mesh::leases_renewed> on_renew(dispatcher_ptr self, const mesh::renew_leases& x);
void on_progress(dispatcher_ptr self, const mesh::report_progress& x);
caf::result<mesh::handed_in> on_hand_in(dispatcher_ptr self, mesh::hand_in& x);
caf::result<mesh::done> on_leave(dispatcher_ptr self, const mesh::leave& x);
void on_link_down(dispatcher_ptr self, const caf::down_msg& x);

} // namespace troupe::dispatch
