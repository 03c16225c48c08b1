#include "actors/dispatch/queue_impl.hpp"

namespace troupe::dispatch {

// Jobs that have ended: run again or forgotten, in memory and archived.

result<void> job_queue::impl::check_retry(const job& row, const std::vector<job>& history) {
  if (row.state != job_state::failed && row.state != job_state::cancelled)
    return wrong_state(row, "only failed and cancelled jobs can be retried");
  if (row.spec.on_dependency_failure == child_failure::fail) {
    auto archived = ends_of(history);
    for (auto dep : row.spec.depends_on)
      if (auto end = ended(dep, archived); end && end->state != job_state::completed)
        return error{errc::conflict, "it depends on job " + dep.str() + ", which is "
                                       + std::string{to_string(end->state)} + ": retry that one first"};
  }
  if (auto other = unique_keys.find(row.spec.unique_key); other != unique_keys.end())
    return error{errc::conflict, "job " + other->second->row.id.str() + " with the same unique key is active"};
  TROUPE_TRY(check_room(queue_of(row.spec.queue), 1));
  return check_room(kind_of(row.spec.kind), 1);
}

void job_queue::impl::run_again(entry& e) {
  auto& row = e.row;
  if (!row.spec.unique_key.empty())
    unique_keys[row.spec.unique_key] = &e;
  row.failures = row.interruptions = 0;
  row.cancel_requested = false;
  row.finished = {};
  row.progress = {};
  // It may have ended while it preferred a place to go on.
  ready.rebind(e);
  wait_again(e);
  make_pending(e);
}

result<job> job_queue::retry(job_id id, const std::vector<job>& history) {
  auto& q = *impl_;
  auto* e = q.find(id);
  if (!e)
    return no_such_job(id);
  TROUPE_TRY(q.check_retry(e->row, history));
  q.run_again(*e);
  return e->row;
}

result<job> job_queue::retry_archived(job row, const std::vector<job_id>& children, const std::vector<job>& history) {
  auto& q = *impl_;
  if (q.find(row.id))
    return wrong_state(row, "it is in memory; ask again");
  TROUPE_TRY(q.check_retry(row, history));
  q.recently_archived.erase(row.id);
  auto& e = q.load(std::move(row));
  e.row.archived = false;
  q.adopt(e);
  for (auto id : children)
    if (auto* c = q.find(id); c && !c->adopted && c->row.spec.parent == e.row.id) {
      q.no_longer_terminal(*c); // stays in memory while its parent does
      q.adopt(*c);
    }
  q.run_again(e);
  return e.row;
}

result<void> job_queue::remove(job_id id) {
  auto& q = *impl_;
  auto* e = q.find(id);
  if (!e)
    return no_such_job(id);
  if (!is_terminal(e->row.state))
    return wrong_state(e->row, "cancel it before removing it");
  if (e->waiting_dependents > 0)
    return wrong_state(e->row, "other jobs that depend on it still wait; cancel those first");
  q.no_longer_terminal(*e);
  --e->queue->by_state[static_cast<size_t>(e->row.state)];
  --e->kind->by_state[static_cast<size_t>(e->row.state)];
  q.submitted.remove(e->row.spec.submission_id);
  q.ready.unbind(*e);
  q.outbox.removed(*e);
  q.forget_children(*e);
  q.jobs.erase(id);
  return {};
}

result<void> job_queue::remove_archived(const job& row) {
  auto& q = *impl_;
  if (q.find(row.id))
    return wrong_state(row, "it is in memory; ask again");
  q.recently_archived.erase(row.id);
  forget_archived(row.id, row.spec.submission_id);
  q.outbox.removed(row.id);
  return {};
}

void job_queue::forget_archived(job_id id, std::string_view submission_id) {
  auto& q = *impl_;
  auto* known = q.submitted.find(submission_id);
  if (known && known->job == id && !q.find(id))
    q.submitted.remove(submission_id);
}

bool job_queue::archived_lately(job_id id) const noexcept {
  return impl_->recently_archived.contains(id);
}

std::vector<job_id> job_queue::unknown_dependencies(job_id id) const {
  auto* e = impl_->find(id);
  return e ? unknown_dependencies(std::vector{e->row.spec}) : std::vector<job_id>{};
}

} // namespace troupe::dispatch
