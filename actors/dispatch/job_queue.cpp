#include "actors/dispatch/job_queue.hpp"

#include "actors/dispatch/queue_impl.hpp"

#include <algorithm>

namespace troupe::dispatch {

error no_such_job(job_id id) {
  return {errc::not_found, "there is no job " + id.str() + " among the present ones"};
}

error wrong_state(const job& row, const char* what) {
  return {errc::conflict, "job " + row.id.str() + " is " + std::string{to_string(row.state)} + ": " + what};
}

error ended_already(const job& row) {
  return wrong_state(row, "it has ended already");
}

job_queue::job_queue(queue_config config, const clock& clk, std::function<uint64_t()> random) :
  impl_(std::make_unique<impl>(std::move(config), clk, std::move(random))) {
}

job_queue::~job_queue() = default;
job_queue::job_queue(job_queue&&) noexcept = default;
job_queue& job_queue::operator=(job_queue&&) noexcept = default;

result<job> job_queue::cancel(job_id id) {
  auto* e = impl_->find(id);
  if (!e)
    return no_such_job(id);
  if (is_terminal(e->row.state))
    return ended_already(e->row);
  impl_->cancel_tree(*e, error{errc::cancelled, "job " + id.str() + " was cancelled"});
  return e->row;
}

result<job> job_queue::promote(job_id id) {
  auto& q = *impl_;
  auto* e = q.find(id);
  if (!e)
    return no_such_job(id);
  if (e->row.state == job_state::waiting && e->row.delegated())
    q.promote_split(*e);
  else if (e->row.state == job_state::queued || e->row.state == job_state::delayed)
    q.promote(*e);
  else
    return wrong_state(e->row, "only queued and delayed jobs, and those that wait for their parts, can be promoted");
  return e->row;
}

const job* job_queue::find(job_id id) const noexcept {
  auto* e = impl_->find(id);
  return e ? &e->row : nullptr;
}

const job* job_queue::find_unique(const std::string& key) const {
  auto i = impl_->unique_keys.find(key);
  return i == impl_->unique_keys.end() ? nullptr : &i->second->row;
}

std::vector<job_id> job_queue::children_of(job_id id) const {
  auto* e = impl_->find(id);
  if (!e)
    return {};
  std::vector<job_id> out;
  for (auto c : e->children)
    if (impl_->find(c))
      out.push_back(c);
  return out;
}

std::vector<queue_stats> job_queue::queues() const {
  auto& q = *impl_;
  std::vector<queue_stats> out;
  auto add = [&](const limit_group& g) {
    queue_stats s;
    s.settings = g.settings;
    for (size_t i = 0; i < g.by_state.size(); ++i)
      s.by_state[std::string{to_string(static_cast<job_state>(i))}] = g.by_state[i];
    if (auto* oldest = q.ready.oldest(g))
      s.oldest_queued = std::max(milliseconds{0}, q.clk.wall() - oldest->row.created);
    out.push_back(std::move(s));
  };
  for (auto& [_, g] : q.queues)
    add(g);
  for (auto& [_, g] : q.kinds)
    add(g);
  return out;
}

result<void> job_queue::change_queue(const queue_settings& settings) {
  auto& q = *impl_;
  auto* g = q.group(settings.name);
  if (!g)
    return error{errc::not_found, "there is no queue or kind \"" + settings.name + "\""};
  g->settings = settings;
  q.outbox.settings(settings);
  for (auto& [_, k] : q.kinds)
    q.ready.kind_changed(k);
  return {};
}

result<queue_settings> job_queue::settings_of(const std::string& name) const {
  if (auto* g = impl_->group(name))
    return g->settings;
  return error{errc::not_found, "there is no queue or kind \"" + name + "\""};
}

batch job_queue::take() {
  impl_->trim();
  return impl_->outbox.take(impl_->jobs);
}

bool job_queue::dirty() const noexcept {
  return !impl_->outbox.empty() || !impl_->over_retention.empty();
}

size_t job_queue::pending_rows() const noexcept {
  return impl_->outbox.rows();
}

uint64_t job_queue::term() const noexcept {
  return impl_->term;
}

size_t job_queue::size() const noexcept {
  return impl_->jobs.size();
}

} // namespace troupe::dispatch
