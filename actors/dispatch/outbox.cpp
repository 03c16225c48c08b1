#include "actors/dispatch/outbox.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace troupe::dispatch {

void outbox::touch(entry& e, bool changed) {
  e.changed |= changed;
  if (e.dirty)
    return;
  e.dirty = true;
  e.dirty_position = static_cast<uint32_t>(touched_.size());
  touched_.push_back(&e);
}

void outbox::removed(entry& e) {
  if (e.dirty)
    touched_[e.dirty_position] = nullptr;
  if (e.written)
    removed_.push_back(e.row.id);
}

void outbox::removed(job_id id) {
  removed_.push_back(id);
}

void outbox::settings(const queue_settings& s) {
  settings_[s.name] = s;
}

void outbox::node(const node_rules& x) {
  nodes_[x.name] = x;
}

void outbox::assigned(worker_id worker, assignment a) {
  if (effects_.assignments.empty())
    effects_.assignments.reserve(last_assigned_);
  effects_.assignments.emplace_back(worker, std::move(a));
}

void outbox::revoked(worker_id worker, const lease_token& token) {
  effects_.revocations.emplace_back(worker, token);
}

bool outbox::empty() const noexcept {
  return touched_.empty() && removed_.empty() && settings_.empty() && nodes_.empty() && effects_.assignments.empty()
         && effects_.revocations.empty();
}

void outbox::drop_outdated_assignments(const job_table& jobs) {
  if (!std::exchange(outdated_, false))
    return;
  std::set<lease_token> never_sent;
  std::erase_if(effects_.assignments, [&](auto& x) {
    auto i = jobs.find(x.second.token.job);
    if (i != jobs.end() && i->second.holder && i->second.row.token() == x.second.token)
      return false;
    never_sent.insert(x.second.token);
    return true;
  });
  if (!never_sent.empty())
    std::erase_if(effects_.revocations, [&](auto& x) { return never_sent.count(x.second) != 0; });
}

batch outbox::take(job_table& jobs) {
  drop_outdated_assignments(jobs);
  batch out;
  out.effects = std::exchange(effects_, {});
  if (auto n = out.effects.assignments.size(); n > 0)
    last_assigned_ = n;
  out.removed = std::exchange(removed_, {});
  for (auto& [_, s] : std::exchange(settings_, {}))
    out.queues.push_back(s);
  for (auto& [_, x] : std::exchange(nodes_, {}))
    out.nodes.push_back(std::move(x));
  auto touched = std::exchange(touched_, {});
  std::erase(touched, nullptr);
  std::stable_partition(touched.begin(), touched.end(), [](entry* e) { return is_terminal(e->row.state); });
  out.rows.reserve(touched.size());
  out.effects.changed.reserve(touched.size());
  for (auto* e : touched) {
    if (e->changed)
      out.effects.changed.push_back(static_cast<uint32_t>(out.rows.size()));
    if (e->rerun && !is_terminal(e->row.state))
      out.effects.rerun.push_back(static_cast<uint32_t>(out.rows.size()));
    bool is_new = !e->written;
    if (e->row.archived) {
      auto id = e->row.id;
      out.rows.emplace_back(std::move(e->row), is_new);
      jobs.erase(id);
      continue;
    }
    out.rows.emplace_back(e->row, is_new);
    e->written = true;
    e->dirty = e->changed = e->rerun = false;
  }
  return out;
}

} // namespace troupe::dispatch
