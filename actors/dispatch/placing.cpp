#include "actors/dispatch/ready_index.hpp"

#include <algorithm>

namespace troupe::dispatch {

namespace {

/// Between nodes, and between pieces: less is no difference.
constexpr double material = 1.1;
/// Of what may be looked at to find a job for a worker that has become free.
constexpr size_t most_called_back = 32;
constexpr size_t most_thirsty = 8;

/// How much of a node it takes, in cores, one at least.
double share_of(const resources& cost) noexcept {
  return std::max(1.0, cost.cores / 1000.0);
}

/// Gives an element of a set of (turn, T*) another turn. Often it is the only one, and stays where it is.
template <class T, class Less>
void rekey(std::set<std::pair<turn, T*>, Less>& set, const turn& from, T* element, const turn& to) {
  if (set.size() == 1) {
    const_cast<turn&>(set.begin()->first) = to;
    return;
  }
  auto moved = set.extract({from, element});
  moved.value().first = to;
  set.insert(std::move(moved));
}

} // namespace

// -- whose turn it is -----------------------------------------------------------------------------------------------

void ready_index::post(lane& l, requirement& r, const turn& key) {
  auto [i, fresh] = l.posted.try_emplace(&r, key);
  if (fresh) {
    l.heads.emplace(key, &r);
    return;
  }
  if (i->second == key)
    return;
  rekey(l.heads, i->second, &r, key);
  i->second = key;
}

void ready_index::withdraw(lane& l, requirement& r) {
  auto i = l.posted.find(&r);
  if (i == l.posted.end())
    return;
  l.heads.erase({i->second, &r});
  l.posted.erase(i);
}

void ready_index::post_everywhere(requirement& r) {
  if (r.empty() || r.parked)
    return;
  auto key = head(r).key;
  for (auto& x : r.ways)
    if (x.rank >= r.least_rank) {
      post(*x.lane, r, key);
      update_active(*x.lane);
    }
}

turn ready_index::turn_of(flow& f) const {
  auto* first = f.line.front();
  return {f.priority, shares.tag(*f.owner), first->ripe, first->row.id};
}

flow& ready_index::head(requirement& r) {
  while (true) {
    auto* f = r.order.begin()->second;
    auto now = turn_of(*f);
    if (now == f->key)
      return *f;
    rekey(r.order, f->key, f, now);
    f->key = now;
  }
}

requirement* ready_index::front(lane& l) {
  while (!l.heads.empty()) {
    auto [key, r] = *l.heads.begin();
    auto too_low = [&, r = r] {
      auto way = std::find_if(r->ways.begin(), r->ways.end(), [&](auto& x) { return x.lane == &l; });
      return way->rank < r->least_rank;
    };
    if (r->empty() || r->parked || (r->least_rank > 0 && too_low())) {
      withdraw(l, *r);
    } else if (!r->open()) {
      r->parked = true;
      r->wants.kind->parked.push_back(r);
      withdraw(l, *r);
    } else if (auto& now = head(*r).key; now != key) {
      post(l, *r, now);
    } else {
      return r;
    }
  }
  return nullptr;
}

void ready_index::update_active(lane& l) {
  bool wanted = !l.free.empty() && !l.heads.empty();
  if (!wanted && !l.active)
    return;
  if (wanted && l.active && l.active_as == l.heads.begin()->first)
    return;
  if (!wanted) {
    l.all->lanes.erase({l.active_as, &l});
  } else if (!l.active) {
    l.active_as = l.heads.begin()->first;
    l.all->lanes.emplace(l.active_as, &l);
  } else {
    rekey(l.all->lanes, l.active_as, &l, l.heads.begin()->first);
    l.active_as = l.heads.begin()->first;
  }
  l.active = wanted;
}

lane* ready_index::best_lane() {
  const std::pair<turn, lane*>* best = nullptr;
  for (auto& q : active_)
    if (!q.lanes.empty() && q.queue->open())
      if (auto& first = *q.lanes.begin(); !best || first.first < best->first)
        best = &first;
  return best ? best->second : nullptr;
}

// -- who gets it ----------------------------------------------------------------------------------------------------

ready_index::placement ready_index::next() {
  do {
    while (auto* l = best_lane()) {
      auto* r = front(*l);
      update_active(*l);
      if (!r || best_lane() != l)
        continue;
      if (auto found = place(*r); found.job)
        return found;
    }
  } while (call_back_one());
  return {};
}

ready_index::placement ready_index::place(requirement& r) {
  auto& f = head(r);
  auto* e = f.line.front();
  if (e->row.failures + e->row.interruptions > 0) {
    if (auto* w = elsewhere(r, *e))
      return {e, w};
    if (clk_.mono() < e->aside_until && others_could(*e)) {
      set_aside(*e);
      return {};
    }
  }
  const way* best = nullptr;
  for (auto& x : r.ways) {
    if (x.lane->free.empty() || x.rank < r.least_rank)
      continue;
    auto better = [&] {
      if (x.rank != best->rank)
        return x.rank > best->rank;
      auto &a = *x.lane->free.begin(), &b = *best->lane->free.begin();
      if (a.load != b.load)
        return a.load < b.load;
      // The workers that can do less take it, the others stay free for what only they can do.
      auto able_a = x.lane->group->capabilities.size(), able_b = best->lane->group->capabilities.size();
      return able_a != able_b ? able_a < able_b : a < b;
    };
    if (!best || better())
      best = &x;
  }
  if (!r.prefers.empty() && waits_for_preferred(r, best->rank))
    return {};
  auto* w = best->lane->free.begin()->worker;
  if (f.by_work.size() > 1)
    e = by_speed(f, *best->lane);
  return {e, w};
}

bool ready_index::waits_for_preferred(requirement& r, uint32_t best_free) {
  uint32_t best = 0;
  for (auto& x : r.ways)
    if (x.rank > best && std::any_of(x.lane->group->workers.begin(), x.lane->group->workers.end(), [&](auto* w) {
          auto* s = w->slots_for(r.wants.queue);
          return w->assignable() && s && s->slots > 0;
        }))
      best = x.rank;
  auto& first = *head(r).line.front();
  if (best_free >= best || to_ms(first.row.created) <= r.held_enough)
    return false;
  // Where nothing is known of how long it takes, no node is kept idle on a guess.
  bool guessed = first.row.spec.work > 0 && speeds.median(first.kind->index) <= 0;
  auto worth = guessed ? milliseconds{0} : expected(first) / 10;
  r.least_rank = best;
  r.hold_until = clk_.mono() + std::clamp(worth, rules_.least_locality_wait, rules_.longest_locality_wait);
  held_.insert({r.hold_until, &r});
  for (auto& x : r.ways)
    if (x.rank < best) {
      withdraw(*x.lane, r);
      update_active(*x.lane);
    }
  return true;
}

entry* ready_index::by_speed(flow& f, const lane& l) const {
  auto* first = f.line.front();
  if (f.passed + 1 >= rules_.by_age_one_in || work_of(*first) <= 0)
    return first;
  auto *shortest = *f.by_work.begin(), *longest = *f.by_work.rbegin();
  auto speed_of = [&](const free_worker& x) { return speeds.relative(x.worker->node->index, f.of->wants.kind->index); };
  auto speed = speed_of(*l.free.begin());
  // Faster than most, or than another that is free as well.
  bool fast = speed >= material || speed >= material * speed_of(*l.free.rbegin());
  if (longest->row.spec.work < material * shortest->row.spec.work || (!fast && speed > 1 / material))
    return first;
  auto* chosen = fast ? longest : shortest;
  // A retry is careful about where it goes.
  return chosen->row.failures + chosen->row.interruptions > 0 ? first : chosen;
}

void ready_index::started(entry& e, worker_record& w) {
  auto& r = *e.needs;
  e.charged = static_cast<float>(static_cast<double>(expected(e).count() + 1) * share_of(e.row.spec.cost));
  if (!thirsty_.empty() && e.line)
    note_overtaken(r, turn_of(*e.line), w);
  shares.charge(*e.owner, e.charged);
  if (r.overtaken != mono_time{} || r.reserved)
    end_reservation(r);
  if (e.line)
    e.line->passed = e.line->line.front() == &e ? 0 : e.line->passed + 1;
}

void ready_index::ended(entry& e, milliseconds took) {
  if (e.owner)
    shares.settle(*e.owner, e.charged, static_cast<double>(took.count() + 1) * share_of(e.row.spec.cost));
}

// -- retries go elsewhere ---------------------------------------------------------------------------------------------

std::vector<std::string_view> ready_index::failed_on(const entry& e) {
  std::vector<std::string_view> out;
  if (e.row.failures + e.row.interruptions > 0)
    for (auto& a : e.row.attempts)
      if (speaks_against_node(a))
        out.push_back(a.worker);
  return out;
}

namespace {

bool is_among(const std::vector<std::string_view>& names, const worker_record& w) {
  return std::find(names.begin(), names.end(), w.node_name) != names.end();
}

} // namespace

worker_record* ready_index::elsewhere(const requirement& r, const entry& e) const {
  auto bad = failed_on(e);
  const way* from = nullptr;
  const free_worker* best = nullptr;
  for (auto& x : r.ways)
    for (auto& candidate : x.lane->free) {
      if (is_among(bad, *candidate.worker))
        continue;
      if (!best || x.rank > from->rank || (x.rank == from->rank && candidate < *best)) {
        from = &x;
        best = &candidate;
      }
      break;
    }
  return best ? best->worker : nullptr;
}

bool ready_index::able(const worker_record& w, const entry& e) {
  auto* s = w.slots_for(e.queue);
  return w.assignable() && s && s->slots > 0 && w.group && matches(*w.group, *e.needs);
}

bool ready_index::others_could(const entry& e) const {
  auto bad = failed_on(e);
  for (auto& x : e.needs->ways)
    for (auto* w : x.lane->group->workers)
      if (able(*w, e) && !is_among(bad, *w))
        return true;
  return false;
}

void ready_index::set_aside(entry& e) {
  remove(e);
  // It is queued all the same.
  shares.queued(*e.owner);
  aside_.insert({e.aside_until, e.row.id, &e});
}

void ready_index::call_back(const worker_record& w, const lane& l, uint32_t most) {
  size_t looked_at = 0;
  for (auto i = aside_.begin(); i != aside_.end() && looked_at < most_called_back && most > 0; ++looked_at) {
    auto* e = std::get<2>(*i);
    if (e->needs->wants != l.wants || !matches(*l.group, *e->needs) || is_among(failed_on(*e), w)) {
      ++i;
      continue;
    }
    i = aside_.erase(i);
    line_up(*e);
    --most;
  }
}

bool ready_index::call_back_one() {
  size_t looked_at = 0;
  for (auto i = aside_.begin(); i != aside_.end() && looked_at < most_called_back; ++i, ++looked_at) {
    auto* e = std::get<2>(*i);
    if (!e->queue->open() || !e->needs->open() || !elsewhere(*e->needs, *e))
      continue;
    aside_.erase(i);
    line_up(*e);
    return true;
  }
  return false;
}

// -- what is too large to find room by chance -------------------------------------------------------------------------

void ready_index::note_overtaken(const requirement& r, const turn& at, const worker_record& w) {
  for (size_t i = 0; i < std::min(thirsty_.size(), most_thirsty); ++i) {
    auto& other = *thirsty_[i];
    if (&other == &r || other.overtaken != mono_time{} || other.reserved || other.parked || head(other).key >= at
        || !other.wants.queue->open() || !other.open())
      continue;
    auto* s = w.slots_for(other.wants.queue);
    if (s && s->slots > 0 && !w.has_tokens(other.wants.cost) && matches(*w.group, other)) {
      other.overtaken = clk_.mono();
      overtaken_.insert({other.overtaken, &other});
    }
  }
}

void ready_index::reserve(requirement& r) {
  worker_record* best = nullptr;
  for (auto& x : r.ways)
    for (auto* w : x.lane->group->workers) {
      auto* s = w->slots_for(r.wants.queue);
      if (!w->assignable() || !s || s->slots == 0 || w->reserved_for)
        continue;
      auto key = [](auto* of) { return std::pair{of->held.size(), of->id}; };
      if (!best || key(w) < key(best))
        best = w;
    }
  if (!best)
    return;
  r.reserved = best;
  best->reserved_for = &r;
  used_changed(*best);
}

void ready_index::end_reservation(requirement& r) {
  if (r.overtaken != mono_time{})
    overtaken_.erase({r.overtaken, &r});
  r.overtaken = {};
  if (auto* w = std::exchange(r.reserved, nullptr)) {
    w->reserved_for = nullptr;
    used_changed(*w);
  }
}

// -- time -----------------------------------------------------------------------------------------------------------

void ready_index::tick() {
  auto now = clk_.mono();
  while (!aside_.empty() && std::get<0>(*aside_.begin()) <= now) {
    auto* e = std::get<2>(*aside_.begin());
    aside_.erase(aside_.begin());
    line_up(*e);
  }
  while (!held_.empty() && held_.begin()->first <= now) {
    auto* r = held_.begin()->second;
    held_.erase(held_.begin());
    r->least_rank = 0;
    r->held_enough = to_ms(clk_.wall());
    post_everywhere(*r);
  }
  while (!overtaken_.empty() && overtaken_.begin()->first + rules_.token_wait <= now) {
    auto* r = overtaken_.begin()->second;
    overtaken_.erase(overtaken_.begin());
    r->overtaken = {};
    reserve(*r);
  }
}

mono_time ready_index::next_deadline() const {
  auto at = mono_time::max();
  if (!aside_.empty())
    at = std::min(at, std::get<0>(*aside_.begin()));
  if (!held_.empty())
    at = std::min(at, held_.begin()->first);
  if (!overtaken_.empty())
    at = std::min(at, overtaken_.begin()->first + rules_.token_wait);
  return at;
}

} // namespace troupe::dispatch
