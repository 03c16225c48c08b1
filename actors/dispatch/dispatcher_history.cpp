#include "actors/dispatch/dispatcher_parts.hpp"

#include <spdlog/spdlog.h>

namespace troupe::dispatch {

namespace {

using found_jobs = std::shared_ptr<std::vector<job>>;
using continuation = std::function<void(result<std::vector<job>>)>;

void read_next(dispatcher_ptr self, std::vector<job_id> left, found_jobs found, continuation then) {
  if (left.empty())
    return then(std::move(*found));
  auto id = left.back();
  left.pop_back();
  self->request(self->state.peers.history, history_timeout, mesh::get_job{id})
    .then(
      [=](mesh::job_with_children& x) mutable {
        found->push_back(std::move(x.item));
        read_next(self, std::move(left), found, then);
      },
      [=](caf::error& e) mutable {
        auto err = mesh::from_caf(e);
        if (err.code != errc::not_found)
          then(std::move(err));
        else
          read_next(self, std::move(left), found, then);
      });
}

/// Asks the history, after what was decided before is committed: it may have taken the job out of memory just now.
template <class Answer, class F>
void answer_from_history(dispatcher_ptr self, job_id id, caf::typed_response_promise<Answer> reply, F f) {
  when_committed(self, [=](const error* failed) mutable {
    if (failed) {
      reply.deliver(mesh::to_caf(*failed));
      return;
    }
    self->request(self->state.peers.history, history_timeout, mesh::get_job{id})
      .then([=](mesh::job_with_children& x) mutable { f(reply, x); },
            [=](caf::error& e) mutable { reply.deliver(std::move(e)); });
  });
}

} // namespace

error job_moved(job_id id) {
  return {errc::unavailable, "job " + id.str() + " was changed meanwhile; try again"};
}

void read_history(dispatcher_ptr self, std::vector<job_id> ids, continuation then) {
  read_next(self, std::move(ids), std::make_shared<std::vector<job>>(), std::move(then));
}

caf::result<mesh::job_with_children> on_get(dispatcher_ptr self, const mesh::get_job& x) {
  auto& st = self->state;
  bool uncommitted = st.queue && (st.queue->dirty() || st.commit_in_flight);
  // What memory says may not be committed yet: then the answer waits with it.
  if (auto* found = st.queue ? st.queue->find(x.id) : nullptr) {
    auto reply = self->make_response_promise<mesh::job_with_children>();
    mesh::job_with_children answer{*found, st.queue->children_of(x.id)};
    if (uncommitted)
      answer_when_committed(self, reply, std::move(answer));
    else
      reply.deliver(std::move(answer));
    return reply;
  }
  if (!uncommitted || !st.queue->archived_lately(x.id))
    return self->delegate(st.peers.history, x);
  auto reply = self->make_response_promise<mesh::job_with_children>();
  answer_from_history(self, x.id, reply, [](auto& to, mesh::job_with_children& row) { to.deliver(std::move(row)); });
  return reply;
}

caf::result<job_page> on_list(dispatcher_ptr self, const job_query& x) {
  auto reply = self->make_response_promise<job_page>();
  self->request(self->state.peers.history, caf::infinite, x)
    .then(
      [=](job_page& page) mutable {
        auto& st = self->state;
        for (auto& listed : page.jobs)
          if (auto* found = st.queue ? st.queue->find(listed.id) : nullptr; found && found->state == listed.state)
            listed.progress = found->progress;
        reply.deliver(std::move(page));
      },
      [=](caf::error& e) mutable { reply.deliver(std::move(e)); });
  return reply;
}

caf::result<mesh::job_explanation> on_explain(dispatcher_ptr self, const mesh::explain_job& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(not_now(self->state));
  if (st.queue->find(x.id)) {
    auto why = st.queue->explain(x.id);
    if (!why)
      return mesh::to_caf(why.error());
    return mesh::job_explanation{why->state, std::move(why->reasons)};
  }
  auto reply = self->make_response_promise<mesh::job_explanation>();
  answer_from_history(self, x.id, reply, [](auto& to, mesh::job_with_children& row) {
    if (!row.item.archived) {
      to.deliver(mesh::to_caf(job_moved(row.item.id)));
      return;
    }
    auto why = explain_ended(row.item);
    to.deliver(mesh::job_explanation{why.state, std::move(why.reasons)});
  });
  return reply;
}

void purge_history(dispatcher_ptr self) {
  auto& c = self->state.config;
  purge_jobs what{c.time->wall() - c.history};
  auto again = [self](milliseconds wait) { self->delayed_send(self, wait, purge_atom::value); };
  self->request(self->state.peers.journal, caf::infinite, what)
    .then(
      [self, again, limit = what.limit](const purged& gone) {
        auto& st = self->state;
        if (st.queue)
          for (auto& x : gone.jobs)
            st.queue->forget_archived(x.id, x.submission_id);
        // In small pieces, so that commits get in between.
        again(gone.jobs.size() < limit ? st.config.purge_interval : milliseconds{0});
      },
      [self, again](caf::error& e) {
        spdlog::warn("dispatcher: the history of old jobs is not removed: {}", mesh::from_caf(e).message);
        again(self->state.config.purge_interval);
      });
}

} // namespace troupe::dispatch
