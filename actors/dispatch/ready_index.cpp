#include "actors/dispatch/ready_index.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace troupe::dispatch {

namespace {

ready_key key_of(const entry& e) noexcept {
  return {e.row.spec.priority, e.row.id};
}

} // namespace

// -- jobs ---------------------------------------------------------------------------------------------------------

void ready_index::bind(entry& e) {
  auto needs = e.row.spec.needs;
  std::sort(needs.begin(), needs.end());
  needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
  requirement_key key{{e.queue, e.kind}, std::move(needs)};
  auto i = requirements_.find(key);
  if (i == requirements_.end()) {
    if (requirements_.size() >= sweep_at_)
      sweep();
    learn_needs(key.second);
    auto r = std::make_unique<requirement>();
    r->queue = e.queue;
    r->kind = e.kind;
    r->needs = key.second;
    for (auto& [_, p] : profiles_)
      if (matches(*p, *r))
        if (auto l = p->lanes.find(r->queue); l != p->lanes.end())
          r->lanes.push_back(l->second.get());
    i = requirements_.emplace(std::move(key), std::move(r)).first;
  }
  e.needs = i->second.get();
  ++e.needs->users;
}

void ready_index::unbind(entry& e) {
  if (e.needs)
    --e.needs->users;
  e.needs = nullptr;
}

void ready_index::add(entry& e) {
  auto& r = *e.needs;
  auto i = r.ready.emplace(key_of(e), &e).first;
  if (i == r.ready.begin() && !r.parked)
    post_everywhere(r);
}

void ready_index::remove(entry& e) {
  e.needs->ready.erase(key_of(e));
}

void ready_index::kind_changed(kind_state& kind) {
  if (kind.parked.empty() || !kind.open())
    return;
  for (auto* r : kind.parked) {
    r->parked = false;
    post_everywhere(*r);
  }
  kind.parked.clear();
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
  }
  ++p->workers;
  w.group = p.get();
  workers_.insert(&w);
  slots_changed(w);
}

void ready_index::detach(worker_record& w) {
  if (!w.group)
    return;
  for (auto& s : w.slots)
    if (s.listed) {
      auto& l = lane_of(*w.group, *s.queue);
      l.free.erase({s.listed_used, s.listed_order, &w});
      s.listed = false;
      update_active(l);
    }
  workers_.erase(&w);
  auto* p = std::exchange(w.group, nullptr);
  if (--p->workers == 0)
    drop(*p);
}

void ready_index::slots_changed(worker_record& w) {
  for (auto& s : w.slots)
    slots_changed(w, s);
}

void ready_index::slots_changed(worker_record& w, worker_slots& s) {
  if (!w.group)
    return;
  bool wanted = w.assignable() && s.used < s.slots;
  if (!wanted && !s.listed)
    return;
  auto& l = lane_of(*w.group, *s.queue);
  if (s.listed)
    l.free.erase({s.listed_used, s.listed_order, &w});
  s.listed = wanted;
  if (wanted) {
    s.listed_used = s.used;
    s.listed_order = w.served;
    l.free.insert({s.used, w.served, &w});
  }
  update_active(l);
}

lane& ready_index::lane_of(profile& p, queue_state& q) {
  auto& slot = p.lanes[&q];
  if (slot)
    return *slot;
  slot = std::make_unique<lane>();
  slot->queue = &q;
  slot->group = &p;
  for (auto& [_, r] : requirements_)
    if (r->queue == &q && matches(p, *r)) {
      r->lanes.push_back(slot.get());
      if (!r->parked && !r->ready.empty())
        post(*slot, *r, r->ready.begin()->first);
    }
  return *slot;
}

void ready_index::drop(profile& p) {
  for (auto& [queue, l] : p.lanes) {
    for (auto& [_, r] : requirements_)
      if (r->queue == queue)
        std::erase(r->lanes, l.get());
    std::erase(active_, l.get());
  }
  profiles_.erase(profiles_.find({p.kinds, p.capabilities}));
}

void ready_index::learn_needs(const std::vector<std::string>& needs) {
  std::set<std::string> fresh;
  for (auto& n : needs)
    if (relevant_.insert(n).second)
      fresh.insert(n);
  if (fresh.empty())
    return;
  std::vector<worker_record*> moved;
  for (auto* w : workers_)
    if (std::any_of(fresh.begin(), fresh.end(),
                    [&](auto& n) { return std::binary_search(w->capabilities.begin(), w->capabilities.end(), n); }))
      moved.push_back(w);
  for (auto* w : moved) {
    detach(*w);
    attach(*w);
  }
}

void ready_index::sweep() {
  std::erase_if(requirements_, [](auto& item) {
    auto& r = *item.second;
    if (r.users != 0)
      return false;
    for (auto* l : r.lanes)
      withdraw(*l, r);
    if (r.parked)
      std::erase(r.kind->parked, &r);
    return true;
  });
  relevant_.clear();
  for (auto& [_, r] : requirements_)
    relevant_.insert(r->needs.begin(), r->needs.end());
  sweep_at_ = 1024 + 2 * requirements_.size();
}

// -- placing ------------------------------------------------------------------------------------------------------

bool ready_index::matches(const profile& p, const requirement& r) noexcept {
  return std::binary_search(p.kinds.begin(), p.kinds.end(), r.kind->name)
         && std::includes(p.capabilities.begin(), p.capabilities.end(), r.needs.begin(), r.needs.end());
}

void ready_index::post(lane& l, requirement& r, const ready_key& key) {
  auto [i, fresh] = l.posted.try_emplace(&r, key);
  if (fresh) {
    l.heads.emplace(key, &r);
    return;
  }
  auto node = l.heads.extract({i->second, &r});
  i->second = key;
  node.value().first = key;
  l.heads.insert(std::move(node));
}

void ready_index::withdraw(lane& l, requirement& r) {
  auto i = l.posted.find(&r);
  if (i == l.posted.end())
    return;
  l.heads.erase({i->second, &r});
  l.posted.erase(i);
}

void ready_index::post_everywhere(requirement& r) {
  if (r.ready.empty())
    return;
  for (auto* l : r.lanes) {
    post(*l, r, r.ready.begin()->first);
    update_active(*l);
  }
}

requirement* ready_index::front(lane& l) {
  while (!l.heads.empty()) {
    auto [key, r] = *l.heads.begin();
    if (r->ready.empty() || r->parked) {
      withdraw(l, *r);
    } else if (!r->kind->open()) {
      r->parked = true;
      r->kind->parked.push_back(r);
      withdraw(l, *r);
    } else if (auto& head = r->ready.begin()->first; head != key) {
      post(l, *r, head);
    } else {
      return r;
    }
  }
  return nullptr;
}

void ready_index::update_active(lane& l) {
  bool wanted = !l.free.empty() && !l.heads.empty();
  if (wanted == l.active)
    return;
  l.active = wanted;
  if (wanted)
    active_.push_back(&l);
  else
    std::erase(active_, &l);
}

ready_index::placement ready_index::next() {
  lane* best = nullptr;
  requirement* chosen = nullptr;
  for (size_t i = 0; i < active_.size();) {
    auto& l = *active_[i];
    if (!l.queue->open()) {
      ++i;
      continue;
    }
    auto* r = front(l);
    if (!r) {
      update_active(l); // takes it out of active_
      continue;
    }
    ++i;
    auto better = [&] {
      auto order = r->ready.begin()->first <=> chosen->ready.begin()->first;
      // The same job: the workers that can do less take it, the others stay free for what only they can do.
      return order < 0 || (order == 0 && l.group->capabilities.size() < best->group->capabilities.size());
    };
    if (!chosen || better()) {
      best = &l;
      chosen = r;
    }
  }
  if (!chosen)
    return {};
  return {chosen->ready.begin()->second, best->free.begin()->worker};
}

// -- for people ---------------------------------------------------------------------------------------------------

uint64_t ready_index::jobs_before(const entry& e, uint64_t most) const {
  uint64_t n = 0;
  auto key = key_of(e);
  for (auto& [_, r] : requirements_)
    if (r->queue == e.queue)
      for (auto i = r->ready.begin(); i != r->ready.end() && i->first < key && n < most; ++i)
        ++n;
  return n;
}

const entry* ready_index::oldest(const limit_group& group) const {
  const entry* found = nullptr;
  for (auto& [_, r] : requirements_) {
    if (static_cast<limit_group*>(r->queue) != &group && static_cast<limit_group*>(r->kind) != &group)
      continue;
    // Within one priority the first is the oldest; there are ten.
    for (auto i = r->ready.begin(); i != r->ready.end();) {
      if (!found || i->first.id < found->row.id)
        found = i->second;
      i = r->ready.lower_bound({static_cast<uint8_t>(i->first.priority + 1), {}});
    }
  }
  return found;
}

} // namespace troupe::dispatch
