#include "actors/dispatch/queue_impl.hpp"

namespace troupe::dispatch {

namespace {

/// Archived jobs whose end is remembered for submissions that depend on them.
constexpr size_t max_recent = 4096;

finished_set& set_of(entry& e) {
  return e.row.state == job_state::completed ? e.kind->completed : e.kind->failed;
}

} // namespace

bool job_queue::impl::pinned(const entry& e) const {
  return e.waiting_dependents > 0 || e.adopted;
}

void job_queue::impl::became_terminal(entry& e) {
  e.finish_order = ++finish_count;
  unpinned(e);
}

void job_queue::impl::unpinned(entry& e) {
  if (!is_terminal(e.row.state) || e.expendable || pinned(e))
    return;
  auto& set = set_of(e);
  auto keep = e.row.state == job_state::completed ? e.kind->keep_completed : e.kind->keep_failed;
  e.expendable = true;
  set.insert({e.finish_order, &e});
  if (set.size() > keep)
    over_retention.push_back(e.kind);
}

void job_queue::impl::no_longer_terminal(entry& e) {
  if (!e.expendable)
    return;
  set_of(e).erase({e.finish_order, &e});
  e.expendable = false;
}

void job_queue::impl::adopt(entry& e) {
  if (!e.row.spec.parent)
    return;
  if (auto* p = find(e.row.spec.parent)) {
    p->children.push_back(e.row.id);
    e.adopted = true;
  }
}

void job_queue::impl::forget_children(entry& e) {
  for (auto id : std::exchange(e.children, {}))
    if (auto* c = find(id); c && c->adopted && c->row.spec.parent == e.row.id) {
      c->adopted = false;
      if (!c->row.archived)
        unpinned(*c);
    }
}

void job_queue::impl::archive(entry& e) {
  no_longer_terminal(e);
  e.row.archived = true;
  outbox.touch(e, false);
  --e.queue->by_state[static_cast<size_t>(e.row.state)];
  --e.kind->by_state[static_cast<size_t>(e.row.state)];
  submitted.archived(e.row.spec.submission_id, e.row.state);
  ready.unbind(e);
  recently_archived[e.row.id] = {e.row.state, e.row.last_error};
  archive_order.push_back(e.row.id);
  if (archive_order.size() > max_recent) {
    recently_archived.erase(archive_order.front());
    archive_order.pop_front();
  }
  forget_children(e);
}

void job_queue::impl::trim() {
  while (!over_retention.empty()) {
    auto* k = over_retention.back();
    over_retention.pop_back();
    while (k->completed.size() > k->keep_completed)
      archive(*k->completed.begin()->second);
    while (k->failed.size() > k->keep_failed)
      archive(*k->failed.begin()->second);
  }
}

} // namespace troupe::dispatch
