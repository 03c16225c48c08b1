#include "actors/dispatch/queue_impl.hpp"

namespace troupe::dispatch {

namespace {

/// When a full queue is worth another try.
constexpr milliseconds full_queue_retry{5'000};

} // namespace

job_queue::impl::impl(queue_config cfg, const clock& c, std::function<uint64_t()> rnd) :
  config(std::move(cfg)), clk(c), random(std::move(rnd)), ids(random), ready(config.placing, clk),
  scores(config.quarantine), submitted(random()) {
  ready.shares.set_weights(config.owner_weights);
  for (auto name : queue_names())
    queue_of(std::string{name});
  for (auto& k : job_kinds())
    kind_of(std::string{k.name});
  for (auto& s : config.defaults)
    if (auto* g = group(s.name))
      g->settings = s;
}

entry* job_queue::impl::find(job_id id) noexcept {
  auto i = jobs.find(id);
  return i == jobs.end() ? nullptr : &i->second;
}

const entry* job_queue::impl::find(job_id id) const noexcept {
  auto i = jobs.find(id);
  return i == jobs.end() ? nullptr : &i->second;
}

entry* job_queue::impl::held_by(worker_id worker, const lease_token& token) noexcept {
  auto* e = find(token.job);
  if (!e || !e->holder)
    return nullptr;
  bool holds = e->holder->id == worker && e->row.worker_name == e->holder->node_name && e->row.token() == token;
  return holds || config.unfenced ? e : nullptr;
}

limit_group* job_queue::impl::group(const std::string& name) {
  constexpr std::string_view prefix = "kind:";
  if (name.starts_with(prefix)) {
    auto i = kinds.find(std::string_view{name}.substr(prefix.size()));
    return i == kinds.end() ? nullptr : &i->second;
  }
  auto i = queues.find(name);
  return i == queues.end() ? nullptr : &i->second;
}

queue_state& job_queue::impl::queue_of(const std::string& name) {
  auto [i, fresh] = queues.try_emplace(name);
  if (fresh) {
    i->second.name = i->second.settings.name = name;
    i->second.index = static_cast<uint32_t>(queues.size() - 1);
  }
  return i->second;
}

kind_state& job_queue::impl::kind_of(const std::string& name) {
  auto [i, fresh] = kinds.try_emplace(name);
  auto& k = i->second;
  if (fresh) {
    k.name = name;
    k.index = static_cast<uint32_t>(kinds.size() - 1);
    k.settings.name = "kind:" + name;
    // Without a setting of its own only the queue bounds it.
    k.settings.max_depth = UINT32_MAX;
    if (auto* rules = find_job_kind(name)) {
      k.interactive = rules->interactive;
      k.typical = rules->typical;
      k.cost = rules->cost;
      k.keep_completed = config.keep_completed.value_or(rules->keep_completed);
      k.keep_failed = config.keep_failed.value_or(rules->keep_failed);
      if (!rules->part.empty())
        k.part = &kind_of(std::string{rules->part});
      if (!rules->whole.empty())
        k.whole = &kind_of(std::string{rules->whole});
    }
  }
  return k;
}

ended_jobs ends_of(const std::vector<job>& rows) {
  ended_jobs out;
  for (auto& row : rows)
    if (is_terminal(row.state))
      out.emplace(row.id, ended_job{row.state, row.last_error});
  return out;
}

std::optional<ended_job> job_queue::impl::ended(job_id id, const ended_jobs& history) const {
  if (auto* e = find(id))
    return is_terminal(e->row.state) ? std::optional{ended_job{e->row.state, e->row.last_error}} : std::nullopt;
  if (auto i = recently_archived.find(id); i != recently_archived.end())
    return i->second;
  if (auto i = history.find(id); i != history.end())
    return i->second;
  return std::nullopt;
}

result<void> job_queue::impl::check_room(const limit_group& g, uint64_t more) {
  if (g.depth() + more <= g.settings.max_depth)
    return {};
  error full{errc::rate_limited, g.settings.name + " is full: " + std::to_string(g.depth()) + " of "
                                   + std::to_string(g.settings.max_depth)
                                   + " jobs wait or run; try again later or raise its max_depth"};
  full.retry_after = full_queue_retry;
  return full;
}

job_id job_queue::impl::fresh_id() {
  job_id id;
  do
    id = ids.make<job_id>(to_ms(clk.wall()));
  while (find(id));
  return id;
}

} // namespace troupe::dispatch
