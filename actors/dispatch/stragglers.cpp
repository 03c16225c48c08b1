#include "actors/dispatch/stragglers.hpp"

#include "actors/dispatch/queue_impl.hpp"

#include <algorithm>

namespace troupe::dispatch {

namespace {

/// Less of a part says little about the rest.
constexpr double telling = 0.02;
/// Between two looks at the parts of one job.
constexpr milliseconds look_interval{1'000};

bool same_work(const job& a, const job& b) {
  return a.spec.kind == b.spec.kind && a.spec.payload == b.spec.payload;
}

} // namespace

std::optional<milliseconds> time_left(const running_part& x) {
  if (x.fraction < telling)
    return std::nullopt;
  auto left = (1 - std::min(x.fraction, 1.0)) / x.fraction;
  return milliseconds{static_cast<int64_t>(static_cast<double>(x.since.count()) * left)};
}

bool worth_a_copy(const running_part& x, const straggler_rules& rules) {
  if (x.elsewhere <= milliseconds{0} || rules.at_most <= 0)
    return false;
  auto left = time_left(x);
  if (!left)
    return x.since > 2 * x.elsewhere + rules.worth;
  return static_cast<double>(x.elsewhere.count()) <= rules.at_most * static_cast<double>(left->count())
         && *left - x.elsewhere >= rules.worth;
}

// -- in the queue -----------------------------------------------------------------------------------------------------

/// How long a unit of share took the parts that are done, by a node of median speed, milliseconds; 0: none is done.
double job_queue::impl::time_of_a_share(const entry& parent) const {
  double shares = 0, time = 0;
  for (auto& c : parent.row.next.front().children) {
    auto* x = find(c.id);
    if (!x || x->row.state != job_state::completed || c.share <= 0)
      continue;
    auto node = nodes.find(x->row.worker_name);
    auto speed = node == nodes.end() ? 1 : ready.speeds.relative(node->second.index, x->kind->index);
    shares += c.share;
    time += static_cast<double>((x->row.finished - x->row.started).count()) * speed;
  }
  return shares > 0 ? time / shares : 0;
}

/// The fastest node but this one that could begin it now; or nullptr.
const worker_record* job_queue::impl::idle_worker_for(const entry& part, const node_record& not_on) const {
  const worker_record* best = nullptr;
  for (auto& [_, w] : workers) {
    auto* s = w.slots_for(part.queue);
    if (!w.assignable() || w.node == &not_on || !w.node->open || !s || s->used >= s->slots
        || !w.has_tokens(part.row.spec.cost) || !std::binary_search(w.kinds.begin(), w.kinds.end(), part.kind->name)
        || !std::includes(w.capabilities.begin(), w.capabilities.end(), part.needs->needs.begin(),
                          part.needs->needs.end()))
      continue;
    auto speed = [&](const worker_record& x) { return ready.speeds.relative(x.node->index, part.kind->index); };
    if (!best || speed(w) > speed(*best))
      best = &w;
  }
  return best;
}

void job_queue::impl::look_for_stragglers(entry& parent) {
  auto now = clk.mono();
  auto [looked, fresh] = parents_looked_at.try_emplace(parent.row.id, now);
  if (!fresh && looked->second + look_interval > now)
    return;
  looked->second = now;
  auto& children = parent.row.next.front().children;
  std::vector<std::pair<entry*, double>> running;
  for (auto& c : children) {
    auto* x = find(c.id);
    if (!x || is_terminal(x->row.state))
      continue;
    // What waits for a node comes first.
    if (x->row.state != job_state::running)
      return;
    running.emplace_back(x, c.share);
  }
  auto unit = time_of_a_share(parent);
  for (auto& [x, share] : running) {
    bool copied =
      std::count_if(running.begin(), running.end(), [&, x = x](auto& y) { return same_work(x->row, y.first->row); })
      > 1;
    if (unit <= 0 || share <= 0 || copied || !x->holder)
      continue;
    auto* w = idle_worker_for(*x, *x->holder->node);
    if (!w)
      continue;
    auto speed = std::max(ready.speeds.relative(w->node->index, x->kind->index), 0.01);
    running_part part{now - x->since, x->row.progress.fraction,
                      milliseconds{static_cast<int64_t>(unit * share / speed)}};
    if (worth_a_copy(part, config.stragglers))
      copy_to(parent, *x, *w);
  }
}

void job_queue::impl::copy_to(entry& parent, const entry& part, const worker_record& where) {
  auto spec = part.row.spec;
  spec.id = {};
  spec.submission_id.clear();
  // The part has begun: whatever it was to wait for is over.
  spec.run_at = {};
  spec.needs.push_back(node_capability(where.node_name));
  // A full queue, for one: the first one goes on anyway.
  auto made = submit_now({std::move(spec)}, {});
  if (!made)
    return;
  auto id = made->front().id;
  // No part of the progress: that is the part's, whoever makes it.
  parent.row.next.front().children.push_back({id, 0});
  // It waits for one more.
  stop_waiting(parent);
  wait_for_dependencies(parent);
  outbox.touch(parent, false);
}

void job_queue::impl::end_copies(entry& done) {
  auto* parent = delegating_parent(done);
  if (!parent)
    return;
  std::vector<job_id> others;
  for (auto& c : parent->row.next.front().children)
    if (auto* x = find(c.id); x && x != &done && !is_terminal(x->row.state) && same_work(x->row, done.row))
      others.push_back(c.id);
  // One that failed leaves the other a chance, if that has begun.
  for (auto id : others)
    // The end of one may have ended the next.
    if (auto* x = find(id); x && !is_terminal(x->row.state)
                            && (done.row.state == job_state::completed || x->row.state != job_state::running))
      cancel_tree(*x, error{errc::cancelled, "the same part was made by job " + done.row.id.str() + " first"});
}

std::string node_capability(std::string_view node_name) {
  return "node:" + std::string{node_name};
}

} // namespace troupe::dispatch
