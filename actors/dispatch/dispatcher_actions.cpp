#include "actors/dispatch/dispatcher_parts.hpp"

namespace troupe::dispatch {

namespace {

using action = mesh::job_action;
using reply_type = caf::typed_response_promise<job>;

result<job> act_in_memory(job_queue& queue, job_id id, action what, const std::vector<job>& history) {
  switch (what) {
  case action::cancel:
    return queue.cancel(id);
  case action::retry:
    return queue.retry(id, history);
  case action::promote:
    return queue.promote(id);
  case action::remove:
    break;
  }
  auto before = *queue.find(id);
  TROUPE_TRY(queue.remove(id));
  return before;
}

result<job> act_on_archived(job_queue& queue, const mesh::job_with_children& row, action what,
                            const std::vector<job>& history) {
  // Read while it was still in memory, and archived since: what happened to it in between is not in the row.
  if (!row.item.archived)
    return job_moved(row.item.id);
  switch (what) {
  case action::retry:
    return queue.retry_archived(row.item, row.children, history);
  case action::remove:
    TROUPE_TRY(queue.remove_archived(row.item));
    return row.item;
  default:
    return ended_already(row.item);
  }
}

void answer(dispatcher_ptr self, reply_type reply, result<job> after) {
  if (after)
    answer_when_committed(self, reply, std::move(*after));
  else
    reply.deliver(mesh::to_caf(after.error()));
}

// -- archived jobs ----------------------------------------------------------------------------------------------------

void refuse_all(dispatcher_ptr self, job_id id, const error& why) {
  for (auto& x : std::exchange(self->state.archived_actions[id], {}))
    x.reply.deliver(mesh::to_caf(why));
  self->state.archived_actions.erase(id);
}

/// All that was asked of this job while its row was read, in order: the first may have brought it back or removed it.
void decide(dispatcher_ptr self, const mesh::job_with_children& row, const std::vector<job>& history) {
  auto& st = self->state;
  auto id = row.item.id;
  if (!st.queue)
    return refuse_all(self, id, not_now(self->state));
  auto asked = std::exchange(st.archived_actions[id], {});
  st.archived_actions.erase(id);
  bool removed = false;
  for (auto& x : asked) {
    if (removed) {
      x.reply.deliver(mesh::to_caf({errc::not_found, "job " + id.str() + " was removed just now"}));
      continue;
    }
    bool here = st.queue->find(id) != nullptr;
    auto after =
      here ? act_in_memory(*st.queue, id, x.action, history) : act_on_archived(*st.queue, row, x.action, history);
    removed = after && x.action == action::remove;
    answer(self, x.reply, std::move(after));
  }
}

void read_dependencies(dispatcher_ptr self, const mesh::job_with_children& row) {
  if (!self->state.queue)
    return refuse_all(self, row.item.id, not_now(self->state));
  auto unknown = self->state.queue->unknown_dependencies(std::vector{row.item.spec});
  read_history(self, std::move(unknown), [=](result<std::vector<job>> history) {
    if (history)
      decide(self, row, *history);
    else
      refuse_all(self, row.item.id, history.error());
  });
}

/// Reads the row, after everything decided before is committed: a job that was archived or removed just now is so in
/// the database, too.
void read_archived(dispatcher_ptr self, job_id id) {
  when_committed(self, [=](const error* failed) {
    if (failed)
      return refuse_all(self, id, *failed);
    self->request(self->state.peers.history, history_timeout, mesh::get_job{id})
      .then([=](const mesh::job_with_children& row) { read_dependencies(self, row); },
            [=](caf::error& e) { refuse_all(self, id, mesh::from_caf(e)); });
  });
}

} // namespace

caf::result<job> on_action(dispatcher_ptr self, const mesh::act_on_job& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(not_now(self->state));
  auto reply = self->make_response_promise<job>();
  bool looks_up = x.action == action::retry && !st.queue->unknown_dependencies(x.id).empty();
  if (st.queue->find(x.id) && !looks_up) {
    answer(self, reply, act_in_memory(*st.queue, x.id, x.action, {}));
    return reply;
  }
  auto& asked = st.archived_actions[x.id];
  asked.push_back({x.action, reply});
  if (asked.size() == 1)
    read_archived(self, x.id);
  return reply;
}

} // namespace troupe::dispatch
