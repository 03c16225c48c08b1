#include "actors/dispatch/queue_impl.hpp"
#include "actors/dispatch/retry_rules.hpp"

#include <algorithm>

namespace troupe::dispatch {

void job_queue::recover(uint64_t term, uint64_t life, ports::recovered_jobs recovered) {
  auto& q = *impl_;
  q.term = term;
  q.life = life;
  for (auto& s : recovered.queues)
    if (auto* g = q.group(s.name))
      g->settings = s;
  for (auto& x : recovered.nodes) {
    auto& n = q.node_of(x.name);
    n.rules = std::move(x);
    if (n.rules.by_score)
      n.probe.begin(q.config.quarantine, q.clk.mono());
    q.rules_changed(n);
  }
  for (auto& [submission, id] : recovered.archived_submissions)
    q.submitted.add(submission, id);
  std::vector<entry*> all;
  all.reserve(recovered.jobs.size());
  q.jobs.reserve(recovered.jobs.size());
  for (auto& row : recovered.jobs)
    all.push_back(&q.load(std::move(row)));
  for (auto* e : all)
    q.adopt(*e);
  q.restore_states(all);
}

entry& job_queue::impl::load(job row) {
  auto& e = jobs[row.id];
  e.row = std::move(row);
  complete_policy(e.row.spec.retry, find_job_kind(e.row.spec.kind));
  e.kind = &kind_of(e.row.spec.kind);
  if (e.row.spec.cost.none())
    e.row.spec.cost = e.kind->cost;
  e.queue = &queue_of(e.row.spec.queue);
  e.written = true;
  ++e.queue->by_state[static_cast<size_t>(e.row.state)];
  ++e.kind->by_state[static_cast<size_t>(e.row.state)];
  e.kind->handed_on += e.row.delegated() && e.row.state != job_state::running && !is_terminal(e.row.state);
  submitted.add(e.row.spec.submission_id, e.row.id);
  if (!e.row.spec.unique_key.empty() && !is_terminal(e.row.state))
    unique_keys[e.row.spec.unique_key] = &e;
  ready.bind(e);
  return e;
}

void job_queue::impl::restore_states(std::vector<entry*>& all) {
  std::sort(all.begin(), all.end(), [](entry* a, entry* b) {
    return std::pair{a->row.finished, a->row.id} < std::pair{b->row.finished, b->row.id};
  });
  for (auto* e : all)
    if (is_terminal(e->row.state))
      became_terminal(*e);
  std::vector<entry*> interrupted;
  for (auto* e : all) {
    switch (e->row.state) {
    case job_state::waiting:
      wait_for_dependencies(*e);
      break;
    case job_state::delayed:
      e->due = clk.mono() + remaining_delay(e->row, clk.wall());
      delays.insert({e->due, e->row.id});
      break;
    case job_state::queued:
      ready.add(*e);
      break;
    case job_state::running: {
      auto& w = worker_of(e->row.lease_worker);
      put_on_node(w, e->row.worker_name);
      w.embedded = e->row.lease_embedded;
      hold(*e, w, clk.mono());
      e->stale_progress = true;
      if (w.embedded && e->row.lease_term < life)
        interrupted.push_back(e);
      break;
    }
    default:
      break;
    }
  }
  for (auto* e : interrupted)
    interrupt(*e, "the node " + e->row.worker_name + " restarted");
  settle_recovered(all);
  for (auto* e : all)
    if (e->row.state == job_state::waiting && e->row.delegated())
      recover_split(*e);
}

/// A commit holds the end of a job together with what follows for its dependents, so there is nothing to do here unless
/// rows were changed by hand; but no job may wait for ever.
void job_queue::impl::settle_recovered(const std::vector<entry*>& all) {
  for (auto* e : all) {
    if (e->row.state != job_state::waiting)
      continue;
    const entry* failed = nullptr;
    if (fails_with_dependency(e->row))
      for (auto id : e->row.spec.depends_on)
        if (auto* d = find(id); d && is_terminal(d->row.state) && d->row.state != job_state::completed)
          failed = d;
    if (failed)
      finish(*e, job_state::failed, failed->row.last_error);
    else if (e->unmet == 0)
      make_pending(*e);
  }
}

} // namespace troupe::dispatch
