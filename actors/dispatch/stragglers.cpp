#include "actors/dispatch/stragglers.hpp"

#include "actors/dispatch/queue_impl.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace troupe::dispatch {

namespace {

/// Less of a part says little about the rest.
constexpr double telling = 0.02;
/// Between two looks at the parts of one job.
constexpr milliseconds look_interval{1'000};
/// Of one part, one after the other: what three nodes don't bring about is not their fault.
constexpr size_t most_copies = 3;

/// Children of one job with the same one do the same.
using work = std::pair<std::string_view, std::string_view>;

work work_of(const entry& e) {
  return {e.row.spec.kind, e.row.spec.payload};
}

/// A part that runs, and what was made of it elsewhere.
struct candidate {
  entry* part = nullptr;
  double share = 0;
  size_t copies = 0;
  bool copy_runs = false;
};

} // namespace

std::optional<milliseconds> time_left(const running_part& x) {
  if (x.fraction < telling)
    return std::nullopt;
  auto left = (1 - std::min(x.fraction, 1.0)) / x.fraction;
  return milliseconds{static_cast<int64_t>(static_cast<double>(x.since.count()) * left)};
}

bool worth_a_copy(const running_part& x, const straggler_rules& rules) {
  if (x.elsewhere <= milliseconds{0} || rules.at_most <= 0 || x.since < rules.least_run)
    return false;
  auto left = time_left(x);
  if (!left)
    return x.since > 2 * x.elsewhere + rules.worth;
  if (x.still > x.elsewhere + rules.worth)
    return true;
  return !x.guessed && static_cast<double>(x.elsewhere.count()) <= rules.at_most * static_cast<double>(left->count())
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
    // The wall clock may have gone back.
    time += static_cast<double>(std::max<int64_t>(0, (x->row.finished - x->row.started).count())) * speed;
  }
  return shares > 0 ? time / shares : 0;
}

/// What is seen of a part, and how long all of it would take a worker. What has no share (the sound beside the
/// pictures) takes what its kind was measured to take; as long as that is not known, no longer than the longest of the
/// others.
running_part job_queue::impl::seen_of(const entry& parent, const entry& part, double unit, double share,
                                      const worker_record& elsewhere) const {
  const bool measured = part.row.spec.work > 0 && ready.speeds.median(part.kind->index) > 0;
  auto takes = unit * share;
  if (share <= 0 && measured)
    takes = static_cast<double>(ready.expected(part).count());
  else if (share <= 0)
    for (auto& c : parent.row.next.front().children)
      takes = std::max(takes, unit * c.share);
  const auto now = clk.mono();
  auto speed = std::max(ready.speeds.relative(elsewhere.node->index, part.kind->index), 0.01);
  return {now - part.since, part.row.progress.fraction, milliseconds{static_cast<int64_t>(takes / speed)},
          now - part.moved, share <= 0 && !measured};
}

/// The fastest one of another node that could begin it now; or nullptr.
const worker_record* job_queue::impl::idle_worker_for(const entry& part,
                                                      const std::set<const worker_record*>& taken) const {
  if (!part.queue->open() || !part.kind->open(false))
    return nullptr;
  auto speed = [&](const worker_record& x) { return ready.speeds.relative(x.node->index, part.kind->index); };
  const worker_record* best = nullptr;
  for (auto& [_, w] : workers) {
    auto* s = w.slots_for(part.queue);
    if (w.node == part.holder->node || taken.contains(&w) || !ready_index::able(w, part) || s->used >= s->slots
        || !w.has_tokens(part.row.spec.cost) || (w.reserved_for && w.reserved_for->wants != part.needs->wants))
      continue;
    if (!best || speed(w) > speed(*best) || (speed(w) == speed(*best) && w.id < best->id))
      best = &w;
  }
  return best;
}

void job_queue::impl::look_later(entry& parent) {
  auto& x = splits[parent.row.id];
  if (config.stragglers.at_most <= 0 || x.look != mono_time::max())
    return;
  x.look = clk.mono() + look_interval;
  looks.insert({x.look, parent.row.id});
}

void job_queue::impl::look_no_more(job_id parent) {
  auto i = splits.find(parent);
  if (i == splits.end() || i->second.look == mono_time::max())
    return;
  looks.erase({std::exchange(i->second.look, mono_time::max()), parent});
}

void job_queue::impl::look_for_stragglers() {
  auto now = clk.mono();
  while (!looks.empty() && looks.begin()->first <= now) {
    auto id = looks.begin()->second;
    look_no_more(id);
    if (auto* parent = find(id); parent && parent->row.state == job_state::waiting && parent->row.delegated())
      look_at_parts(*parent);
  }
}

void job_queue::impl::look_at_parts(entry& parent) {
  std::map<work, candidate> parts;
  std::vector<job_id> not_begun;
  bool part_waits = false;
  for (auto& c : parent.row.next.front().children) {
    auto* x = find(c.id);
    if (!x)
      continue;
    auto& part = parts[work_of(*x)];
    const bool runs = x->row.state == job_state::running;
    if (x->copy) {
      ++part.copies;
      const bool waits = x->row.state == job_state::queued || x->row.state == job_state::delayed;
      part.copy_runs |= !waits && !is_terminal(x->row.state);
      if (waits)
        not_begun.push_back(c.id);
    } else if (runs) {
      part.part = x;
      part.share = c.share;
    } else {
      part_waits |= !is_terminal(x->row.state);
    }
  }
  // The node that was idle has died, was drained or has other work by now.
  for (auto id : not_begun)
    cancel_tree(*find(id),
                error{errc::cancelled, "the node that was to make the same part once more did not begin it"});
  auto unit = time_of_a_share(parent);
  // What waits for a node comes first.
  if (part_waits || unit <= 0 || parent.row.state != job_state::waiting)
    return;
  std::set<const worker_record*> taken;
  for (auto& [_, x] : parts) {
    if (!x.part || x.copy_runs || x.copies >= most_copies)
      continue;
    look_later(parent);
    auto* w = idle_worker_for(*x.part, taken);
    if (!w)
      continue;
    if (!worth_a_copy(seen_of(parent, *x.part, unit, x.share, *w), config.stragglers))
      continue;
    taken.insert(w);
    copy_to(parent, *x.part, *w);
  }
}

void job_queue::impl::copy_to(entry& parent, const entry& part, const worker_record& where) {
  auto spec = part.row.spec;
  spec.id = {};
  spec.submission_id.clear();
  spec.priority = parent.row.spec.priority;
  // The part has begun: whatever it was to wait for is over.
  spec.run_at = {};
  spec.needs.push_back(node_capability(where.node_name));
  // Another one is made where that is worth it.
  spec.retry.max_attempts = 1;
  auto made = submit_now({std::move(spec)}, {}, room::admitted);
  if (!made)
    return;
  auto id = made->front().id;
  find(id)->copy = true;
  // No part of the progress: that is the part's, whoever makes it.
  parent.row.next.front().children.push_back({id, 0});
  // It waits for one more.
  const bool looks_again = splits[parent.row.id].look != mono_time::max();
  stop_waiting(parent);
  wait_for_dependencies(parent);
  if (looks_again)
    look_later(parent);
  outbox.touch(parent, false);
}

void job_queue::impl::mark_copies(const std::vector<entry*>& children) {
  std::set<work> known;
  for (auto* x : children)
    x->copy = !known.insert(work_of(*x)).second;
}

void job_queue::impl::end_copies(entry& done) {
  const bool made = done.row.state == job_state::completed;
  auto* parent = delegating_parent(done);
  // A copy that failed says nothing of the part.
  if (!parent || (done.copy && !made))
    return;
  std::vector<job_id> others;
  for (auto& c : parent->row.next.front().children)
    if (auto* x = find(c.id); x && x != &done && !is_terminal(x->row.state) && work_of(*x) == work_of(done))
      others.push_back(c.id);
  // A part that failed leaves its copy a chance, if that has begun.
  const auto why = made ? "the same part was made by job " + done.row.id.str() + " first"
                        : "job " + done.row.id.str() + ", which is the same part, has ended without making it";
  for (auto id : others)
    // The end of one may have ended the next.
    if (auto* x = find(id); x && !is_terminal(x->row.state) && (made || x->row.state != job_state::running))
      cancel_tree(*x, error{errc::cancelled, why});
}

std::string node_capability(std::string_view node_name) {
  return "node:" + std::string{node_name};
}

} // namespace troupe::dispatch
