#include "actors/dispatch/queue_impl.hpp"

namespace troupe::dispatch {

std::vector<job_id> job_queue::impl::dependencies_of(const job& row) {
  if (!row.delegated())
    return row.spec.depends_on;
  std::vector<job_id> out;
  for (auto& c : row.next.front().children)
    out.push_back(c.id);
  return out;
}

bool job_queue::impl::fails_with_dependency(const job& row) noexcept {
  // Who has delegated looks at what became of it himself.
  return !row.delegated() && row.spec.on_dependency_failure == child_failure::fail;
}

bool job_queue::impl::wait_for_dependencies(entry& e) {
  const auto waits_for = dependencies_of(e.row);
  e.unmet = 0;
  for (auto id : waits_for)
    if (auto* d = find(id); d && !is_terminal(d->row.state))
      ++e.unmet;
  if (e.unmet == 0)
    return false;
  ++e.wait_round;
  for (auto id : waits_for) {
    auto* d = find(id);
    if (!d)
      continue;
    ++d->waiting_dependents;
    if (is_terminal(d->row.state)) {
      no_longer_terminal(*d); // stays in memory for as long as it is waited for
      continue;
    }
    // Those that stopped waiting are swept when they outnumber the others, so that the list stays bounded.
    if (d->dependents.size() > 2u * d->waiting_dependents + 16)
      std::erase_if(d->dependents, [&](auto& ref) {
        auto* x = find(ref.id);
        return !x || x->row.state != job_state::waiting || x->wait_round != ref.wait_round;
      });
    d->dependents.push_back({e.row.id, e.wait_round});
  }
  return true;
}

void job_queue::impl::stop_waiting(entry& e) {
  e.unmet = 0;
  if (e.row.delegated())
    look_no_more(e.row.id);
  for (auto id : dependencies_of(e.row))
    if (auto* d = find(id); d && d->waiting_dependents > 0 && --d->waiting_dependents == 0)
      unpinned(*d);
}

void job_queue::impl::settle_dependents(entry& e, std::vector<entry*>& failed) {
  for (auto& ref : std::exchange(e.dependents, {})) {
    auto* d = find(ref.id);
    if (!d || d->row.state != job_state::waiting || d->wait_round != ref.wait_round)
      continue;
    if (e.row.state != job_state::completed && fails_with_dependency(d->row))
      failed.push_back(d);
    else if (--d->unmet == 0)
      make_pending(*d);
  }
}

void job_queue::impl::cancel_tree(entry& root, error why) {
  std::vector<job_id> work{root.row.id};
  while (!work.empty()) {
    auto* e = find(work.back());
    work.pop_back();
    if (!e || is_terminal(e->row.state))
      continue;
    work.insert(work.end(), e->children.begin(), e->children.end());
    cancel(*e, e == &root ? std::move(why) : error{errc::cancelled, "job " + e->row.id.str() + " was cancelled"});
  }
}

void job_queue::impl::cancel(entry& e, error why) {
  if (e.row.state == job_state::running) {
    e.row.cancel_requested = true;
    outbox.revoked(e.holder->id, e.row.token());
    record_attempt(e, attempt_end::cancelled, error_class::permanent, why, nullptr);
  }
  finish(e, job_state::cancelled, std::move(why));
}

} // namespace troupe::dispatch
