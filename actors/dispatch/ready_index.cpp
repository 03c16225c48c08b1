#include "actors/dispatch/ready_index.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace troupe::dispatch {

namespace {

/// What a job takes at most that only has to put together what others have made.
constexpr milliseconds longest_rest{10'000};

std::vector<std::string> sorted(std::vector<std::string> xs) {
  std::sort(xs.begin(), xs.end());
  xs.erase(std::unique(xs.begin(), xs.end()), xs.end());
  return xs;
}

bool same_names(const std::vector<std::string>& sorted_names, const std::vector<std::string>& xs) {
  return xs.size() <= 1 ? sorted_names == xs : sorted_names == sorted(xs);
}

} // namespace

// -- jobs ---------------------------------------------------------------------------------------------------------

void ready_index::bind(entry& e) {
  auto& spec = e.row.spec;
  const auto& prefers = e.row.delegated() ? e.row.next.front().prefers : spec.prefers;
  e.owner = &shares.acquire(spec.owner);
  demand wants{e.queue, e.kind, spec.cost};
  auto* last = last_bound_;
  if (last && last->wants == wants && last->goes_on == e.row.delegated() && same_names(last->needs, spec.needs)
      && same_names(last->prefers, prefers)) {
    e.needs = last;
    ++last->users;
    return;
  }
  requirement_key key{wants, sorted(spec.needs), sorted(prefers), e.row.delegated()};
  auto i = requirements_.find(key);
  if (i == requirements_.end()) {
    if (requirements_.size() >= sweep_at_)
      sweep();
    learn(std::get<1>(key));
    learn(std::get<2>(key));
    auto r = std::make_unique<requirement>();
    r->number = ++numbers_;
    r->wants = wants;
    r->needs = std::get<1>(key);
    r->prefers = std::get<2>(key);
    r->goes_on = std::get<3>(key);
    for (auto& [_, p] : profiles_)
      join(*p, *r);
    i = requirements_.emplace(std::move(key), std::move(r)).first;
  }
  e.needs = last_bound_ = i->second.get();
  ++e.needs->users;
}

void ready_index::rebind(entry& e) {
  auto* needs = e.needs;
  auto* owner = e.owner;
  bind(e);
  --needs->users;
  shares.release(*owner);
}

void ready_index::unbind(entry& e) {
  if (e.needs)
    --e.needs->users;
  if (e.owner)
    shares.release(*e.owner);
  e.needs = nullptr;
  e.owner = nullptr;
}

milliseconds ready_index::expected(const entry& e) const {
  auto speed = speeds.median(e.kind->index);
  auto whole = e.kind->typical;
  if (e.row.spec.work > 0 && speed > 0)
    whole = milliseconds{static_cast<int64_t>(std::min(e.row.spec.work / speed, 1e9) * 1000)};
  // Others have done the rest.
  return e.row.delegated() ? std::min(whole / 10, longest_rest) : whole;
}

double ready_index::work_of(const entry& e) noexcept {
  return e.row.delegated() ? 0 : e.row.spec.work;
}

void ready_index::set_ripe(entry& e) const {
  e.ripe = to_ms(e.row.created);
  // Nor is one younger that has waited for its parts: those of later jobs would go before it.
  if (!e.kind->interactive && !e.row.delegated())
    e.ripe += std::min(expected(e), rules_.longest_handicap).count();
}

void ready_index::add(entry& e) {
  set_ripe(e);
  bool retry = e.row.failures + e.row.interruptions > 0;
  e.aside_until = retry ? clk_.mono() + rules_.elsewhere_wait : mono_time{};
  shares.queued(*e.owner);
  line_up(e);
}

void ready_index::line_up(entry& e) {
  auto& r = *e.needs;
  auto was_empty = r.empty();
  auto [i, fresh] = r.flows.try_emplace({e.row.spec.priority, e.owner});
  auto& f = i->second;
  if (fresh) {
    f.of = &r;
    f.owner = e.owner;
    f.priority = e.row.spec.priority;
  }
  f.line.add(e);
  e.line = &f;
  if (work_of(e) > 0)
    f.by_work.insert(&e);
  if (was_empty && !r.wants.cost.none())
    thirsty_.push_back(&r);
  if (!fresh && f.line.front() != &e)
    return;
  if (!fresh)
    r.order.erase({f.key, &f});
  f.key = turn_of(f);
  r.order.insert({f.key, &f});
  if (!r.parked && r.order.begin()->second == &f)
    post_everywhere(r);
}

void ready_index::remove(entry& e) {
  // One that was just made counts as queued and stands nowhere yet.
  if (!e.line && aside_.erase({e.aside_until, e.row.id, &e}) == 0)
    return;
  shares.unqueued(*e.owner);
  if (!e.line)
    return;
  auto& f = *std::exchange(e.line, nullptr);
  auto& r = *f.of;
  f.line.remove(e);
  if (work_of(e) > 0)
    f.by_work.erase(&e);
  if (!f.line.empty())
    return;
  r.order.erase({f.key, &f});
  r.flows.erase({f.priority, f.owner});
  if (!r.empty())
    return;
  if (!r.wants.cost.none()) {
    std::erase(thirsty_, &r);
    end_reservation(r);
  }
  if (r.least_rank > 0) {
    held_.erase({r.hold_until, &r});
    r.least_rank = 0;
  }
}

void ready_index::kind_changed(kind_state& kind) {
  if (kind.parked.empty() || kind.paused())
    return;
  std::erase_if(kind.parked, [&](requirement* r) {
    if (!r->open())
      return false;
    r->parked = false;
    post_everywhere(*r);
    return true;
  });
}

// -- workers ------------------------------------------------------------------------------------------------------

void ready_index::attach(worker_record& w) {
  std::vector<std::string> capabilities;
  std::set_intersection(w.capabilities.begin(), w.capabilities.end(), relevant_.begin(), relevant_.end(),
                        std::back_inserter(capabilities));
  auto& p = profiles_[{w.kinds, capabilities}];
  if (!p) {
    p = std::make_unique<profile>();
    p->kinds = w.kinds;
    p->capabilities = std::move(capabilities);
    for (auto& [_, r] : requirements_)
      join(*p, *r);
  }
  p->workers.push_back(&w);
  w.group = p.get();
  w.listings.assign(p->lanes.size(), {});
  workers_.insert(&w);
  slots_changed(w);
}

void ready_index::detach(worker_record& w) {
  if (!w.group)
    return;
  ++offers_;
  if (w.reserved_for)
    end_reservation(*w.reserved_for);
  for (auto& l : w.group->lanes)
    unlist(w, *l);
  workers_.erase(&w);
  auto* p = std::exchange(w.group, nullptr);
  w.listings.clear();
  std::erase(p->workers, &w);
  if (p->workers.empty())
    drop(*p);
}

bool ready_index::wanted(const worker_record& w, const worker_slots* s, const lane& l) const {
  if (!s || s->used >= s->slots || !w.assignable() || !w.has_tokens(l.wants.cost))
    return false;
  return !w.reserved_for || w.reserved_for->wants == l.wants;
}

void ready_index::slots_changed(worker_record& w) {
  ++offers_;
  used_changed(w);
}

void ready_index::used_changed(worker_record& w) {
  if (w.group)
    for (auto& l : w.group->lanes)
      list(w, *l);
}

void ready_index::list(worker_record& w, lane& l) {
  auto* s = w.slots_for(l.wants.queue);
  auto& at = w.listings[l.index];
  if (!wanted(w, s, l))
    return unlist(w, l);
  auto speed = speeds.relative(w.node->index, l.wants.kind->index) * w.node->rules.weight / 100;
  auto load = static_cast<float>((s->used + 1) / speed);
  if (at.listed && at.load == load && at.served == s->served)
    return;
  if (at.listed) {
    auto moved = l.free.extract({at.load, at.served, &w});
    moved.value() = {load, s->served, &w};
    l.free.insert(std::move(moved));
  } else {
    l.free.insert({load, s->served, &w});
  }
  bool more = !at.listed || load < at.load;
  at = {true, load, s->served};
  if (more && !aside_.empty())
    call_back(w, l, s->slots - s->used);
  update_active(l);
}

void ready_index::unlist(worker_record& w, lane& l) {
  auto& at = w.listings[l.index];
  if (!at.listed)
    return;
  l.free.erase({at.load, at.served, &w});
  at.listed = false;
  update_active(l);
}

// -- lanes ----------------------------------------------------------------------------------------------------------

bool ready_index::matches(const profile& p, const requirement& r) noexcept {
  return std::binary_search(p.kinds.begin(), p.kinds.end(), r.wants.kind->name)
         && std::includes(p.capabilities.begin(), p.capabilities.end(), r.needs.begin(), r.needs.end());
}

void ready_index::join(profile& p, requirement& r) {
  if (!matches(p, r))
    return;
  auto& l = lane_of(p, r.wants);
  ++l.users;
  auto offered = std::count_if(r.prefers.begin(), r.prefers.end(), [&](auto& name) {
    return std::binary_search(p.capabilities.begin(), p.capabilities.end(), name);
  });
  r.ways.push_back({&l, static_cast<uint32_t>(offered)});
  if (!r.parked && !r.empty() && r.ways.back().rank >= r.least_rank) {
    post(l, r, head(r).key);
    update_active(l);
  }
}

lane& ready_index::lane_of(profile& p, const demand& d) {
  for (auto& l : p.lanes)
    if (l->wants == d)
      return *l;
  auto all = std::find_if(active_.begin(), active_.end(), [&](auto& x) { return x.queue == d.queue; });
  if (all == active_.end())
    all = active_.insert(active_.end(), active_lanes{d.queue, {}});
  auto l = std::make_unique<lane>();
  l->number = ++numbers_;
  l->wants = d;
  l->group = &p;
  l->all = &*all;
  l->index = p.lanes.size();
  p.lanes.push_back(std::move(l));
  for (auto* w : p.workers) {
    w->listings.emplace_back();
    list(*w, *p.lanes.back());
  }
  return *p.lanes.back();
}

void ready_index::drop(profile& p) {
  for (auto& l : p.lanes) {
    for (auto& [_, r] : requirements_)
      std::erase_if(r->ways, [&](auto& x) { return x.lane == l.get(); });
    if (l->active)
      l->all->lanes.erase({l->active_as, l.get()});
  }
  profiles_.erase(profiles_.find({p.kinds, p.capabilities}));
}

void ready_index::learn(const std::vector<std::string>& capabilities) {
  std::set<std::string> fresh;
  for (auto& n : capabilities)
    if (relevant_.insert(n).second)
      fresh.insert(n);
  if (fresh.empty())
    return;
  std::vector<worker_record*> moved;
  for (auto* w : workers_)
    if (std::any_of(fresh.begin(), fresh.end(),
                    [&](auto& n) { return std::binary_search(w->capabilities.begin(), w->capabilities.end(), n); }))
      moved.push_back(w);
  std::sort(moved.begin(), moved.end(), [](worker_record* a, worker_record* b) { return a->id < b->id; });
  for (auto* w : moved) {
    detach(*w);
    attach(*w);
  }
}

void ready_index::sweep() {
  last_bound_ = nullptr;
  std::erase_if(requirements_, [](auto& item) {
    auto& r = *item.second;
    if (r.users != 0)
      return false;
    for (auto& x : r.ways) {
      withdraw(*x.lane, r);
      --x.lane->users;
    }
    if (r.parked)
      std::erase(r.wants.kind->parked, &r);
    return true;
  });
  sweep_lanes();
  relevant_.clear();
  for (auto& [_, r] : requirements_) {
    relevant_.insert(r->needs.begin(), r->needs.end());
    relevant_.insert(r->prefers.begin(), r->prefers.end());
  }
  sweep_at_ = 1024 + 2 * requirements_.size();
}

void ready_index::sweep_lanes() {
  for (auto& [_, p] : profiles_)
    for (size_t i = p->lanes.size(); i-- > 0;) {
      auto& l = *p->lanes[i];
      if (l.users != 0)
        continue;
      if (l.active)
        l.all->lanes.erase({l.active_as, &l});
      for (auto* w : p->workers)
        w->listings.erase(w->listings.begin() + static_cast<std::ptrdiff_t>(i));
      p->lanes.erase(p->lanes.begin() + static_cast<std::ptrdiff_t>(i));
      for (size_t k = i; k < p->lanes.size(); ++k)
        p->lanes[k]->index = k;
    }
}

// -- for people ---------------------------------------------------------------------------------------------------

uint64_t ready_index::jobs_before(const entry& e, uint64_t most) const {
  uint64_t n = 0;
  auto own = e.line ? e.line->line.before(e, most) : 0;
  for (auto& [_, r] : requirements_) {
    if (r->wants.queue != e.queue)
      continue;
    for (auto& [key, f] : r->flows) {
      if (n >= most)
        return most;
      if (f.priority > e.row.spec.priority)
        continue;
      if (f.priority < e.row.spec.priority)
        n += f.line.size();
      else if (f.owner == e.owner)
        n += f.line.before(e, most - n);
      else // Turn by turn.
        n += std::min<uint64_t>(f.line.size(), own + (f.owner->tag < e.owner->tag ? 1 : 0));
    }
  }
  return std::min(n, most);
}

uint64_t ready_index::jobs_of_others_before(const entry& e, uint64_t most) const {
  uint64_t n = 0;
  for (auto& [_, r] : requirements_)
    if (r->wants.queue == e.queue)
      for (auto& [key, f] : r->flows)
        if (f.priority == e.row.spec.priority && f.owner != e.owner && f.owner->tag < e.owner->tag)
          n += f.line.size();
  return std::min(n, most);
}

const entry* ready_index::oldest(const limit_group& group) const {
  const entry* found = nullptr;
  auto older = [&](const entry* e) {
    if (!found || std::pair{e->row.created, e->row.id} < std::pair{found->row.created, found->row.id})
      found = e;
  };
  auto of_group = [&](const requirement& r) {
    return static_cast<limit_group*>(r.wants.queue) == &group || static_cast<limit_group*>(r.wants.kind) == &group;
  };
  for (auto& [_, r] : requirements_)
    if (of_group(*r))
      for (auto& [key, f] : r->flows)
        older(f.line.front());
  for (auto& [until, id, e] : aside_)
    if (of_group(*e->needs))
      older(e);
  return found;
}

} // namespace troupe::dispatch
