#include "actors/dispatch/queue_impl.hpp"
#include "actors/dispatch/stragglers.hpp"
#include "protocol/model/housekeeping.hpp"

#include <algorithm>
#include <unordered_set>

namespace troupe::dispatch {

namespace {

std::vector<std::string> sorted(std::vector<std::string> xs) {
  std::sort(xs.begin(), xs.end());
  xs.erase(std::unique(xs.begin(), xs.end()), xs.end());
  return xs;
}

/// Work may ask for a node by its name.
std::vector<std::string> with_own_node(std::vector<std::string> capabilities, const std::string& node) {
  capabilities.push_back(node_capability(node));
  return sorted(std::move(capabilities));
}

} // namespace

worker_slots& job_queue::impl::slots_of(worker_record& w, queue_state& q) {
  for (auto& s : w.slots)
    if (s.queue == &q)
      return s;
  w.slots.push_back({&q});
  return w.slots.back();
}

worker_record& job_queue::impl::worker_of(worker_id id) {
  auto [i, fresh] = workers.try_emplace(id);
  if (fresh) {
    i->second.id = id;
    i->second.last_seen = clk.mono();
    silence.push_back(i->second);
  }
  return i->second;
}

void job_queue::impl::heard(worker_record& w) {
  w.last_seen = clk.mono();
  silence.move_to_back(w);
  if (w.suspect) {
    w.suspect = false;
    changed_nodes.insert(w.node_name);
    ready.slots_changed(w);
  }
}

void job_queue::impl::set_slots(worker_record& w, const std::vector<queue_slots>& credit) {
  for (auto& s : w.slots)
    s.offered = 0;
  for (auto& c : credit)
    if (auto i = queues.find(c.queue); i != queues.end())
      slots_of(w, i->second).offered = c.slots;
  apply_slots(w);
}

void job_queue::impl::apply_slots(worker_record& w) {
  auto& said = w.node->rules.slots;
  for (auto& s : w.slots) {
    auto other = said.find(s.queue->name);
    auto slots = s.offered > 0 && other != said.end() ? other->second : s.offered;
    if (slots != s.slots)
      changed_nodes.insert(w.node_name);
    s.slots = slots;
  }
  ready.slots_changed(w);
}

void job_queue::impl::forget(worker_record& w) {
  changed_nodes.insert(w.node_name);
  ready.detach(w);
  silence.erase(w);
  leave_node(w);
  workers.erase(worker_id{w.id});
  spare_the_last();
}

std::vector<lease_token> job_queue::join(const worker_hello& hello) {
  auto& q = *impl_;
  auto& w = q.worker_of(hello.id);
  q.ready.detach(w);
  q.put_on_node(w, hello.node_name);
  q.changed_nodes.insert(w.node_name);
  w.tokens = hello.tokens;
  w.software = hello.software;
  w.file_address = hello.file_address;
  w.embedded = hello.embedded;
  w.kinds = sorted(hello.kinds);
  w.capabilities = with_own_node(hello.capabilities, hello.node_name);
  if (!w.connected)
    w.joined = q.clk.wall();
  w.connected = true;
  std::vector<lease_token> revoked;
  std::unordered_set<const entry*> kept;
  for (auto& token : hello.held) {
    if (auto* e = q.held_by(hello.id, token))
      kept.insert(e);
    else
      revoked.push_back(token);
  }
  for (auto* e = w.held.front(); e;) {
    auto* following = w.held.next(*e);
    if (kept.contains(e)) {
      e->due = q.clk.mono() + q.config.lease;
      q.leases.move_to_back(*e);
    } else {
      // Its assignment may still be on its way to the worker.
      q.outbox.revoked(w.id, e->row.token());
      q.interrupt(*e, "worker " + w.node_name + " came back without it");
    }
    e = following;
  }
  q.heard(w);
  q.set_slots(w, hello.credit);
  q.ready.attach(w);
  return revoked;
}

void job_queue::set_credit(worker_id worker, const std::vector<queue_slots>& credit) {
  auto& q = *impl_;
  auto i = q.workers.find(worker);
  if (i == q.workers.end() || !i->second.connected)
    return;
  q.heard(i->second);
  q.set_slots(i->second, credit);
}

void job_queue::set_capabilities(worker_id worker, std::vector<std::string> capabilities,
                                 std::vector<std::string> problems) {
  auto& q = *impl_;
  auto i = q.workers.find(worker);
  if (i == q.workers.end() || !i->second.connected)
    return;
  auto& w = i->second;
  q.heard(w);
  auto offered = with_own_node(std::move(capabilities), w.node_name);
  if (offered != w.capabilities || problems != w.problems)
    q.changed_nodes.insert(w.node_name);
  w.problems = std::move(problems);
  q.ready.detach(w);
  w.capabilities = std::move(offered);
  q.ready.attach(w);
}

renewal job_queue::renew(worker_id worker, const std::vector<lease_token>& held) {
  auto& q = *impl_;
  renewal out;
  auto i = q.workers.find(worker);
  if (i != q.workers.end())
    q.heard(i->second);
  out.known = i != q.workers.end() && i->second.connected;
  auto until = q.clk.mono() + q.config.lease;
  for (auto& token : held) {
    if (auto* e = q.held_by(worker, token)) {
      e->due = until;
      q.leases.move_to_back(*e);
    } else {
      out.revoked.push_back(token);
    }
  }
  return out;
}

bool job_queue::holds(worker_id worker, const lease_token& token) const noexcept {
  return impl_->held_by(worker, token) != nullptr;
}

void job_queue::leave(worker_id worker) {
  auto& q = *impl_;
  auto i = q.workers.find(worker);
  if (i == q.workers.end())
    return;
  auto& w = i->second;
  while (auto* e = w.held.front()) {
    q.record_attempt(*e, attempt_end::released, error_class::transient, error{errc::none, {}}, nullptr);
    q.queue(*e);
  }
  q.forget(w);
}

void job_queue::unreachable(worker_id worker) {
  auto& q = *impl_;
  auto i = q.workers.find(worker);
  if (i == q.workers.end())
    return;
  i->second.connected = false;
  q.changed_nodes.insert(i->second.node_name);
  q.ready.slots_changed(i->second);
  q.spare_the_last();
}

std::string job_queue::node_of(worker_id worker) const {
  auto i = impl_->workers.find(worker);
  return i == impl_->workers.end() ? std::string{} : i->second.node_name;
}

std::vector<worker_info> job_queue::workers() const {
  auto now = impl_->clk.mono();
  std::vector<worker_info> out;
  for (auto& [id, w] : impl_->workers) {
    if (!w.connected || is_housekeeper(w.kinds))
      continue;
    worker_info info{id, w.node_name, w.embedded,        w.kinds,  {},      w.capabilities,
                     {}, w.joined,    now - w.last_seen, w.tokens, w.in_use};
    for (auto& s : w.slots)
      if (s.slots > 0)
        info.credit.push_back({s.queue->name, s.slots});
    for (auto* e = w.held.front(); e; e = w.held.next(*e))
      info.running.push_back(e->row.token());
    info.problems = w.problems;
    info.software = w.software;
    info.file_address = w.file_address;
    // Nobody has to be told its name twice.
    std::erase(info.capabilities, node_capability(w.node_name));
    out.push_back(std::move(info));
  }
  std::sort(out.begin(), out.end(), [](const worker_info& a, const worker_info& b) { return a.id < b.id; });
  return out;
}

} // namespace troupe::dispatch
