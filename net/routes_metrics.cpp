// GET /metrics. Each figure is its owner's, who counts as things happen; they are asked here, when somebody scrapes.

#include "net/exposition.hpp"
#include "net/metrics.hpp"
#include "net/route.hpp"

#include <algorithm>
#include <map>

namespace troupe::net {

namespace {

/// What was asked for; a part that can't be had in time is left out, the others are still worth having.
struct figures {
  std::optional<std::vector<queue_stats>> queues;
  std::optional<std::vector<worker_info>> workers;
  std::optional<std::vector<node_details>> nodes;
  std::optional<ports::executor_figures> executors;
};
using figures_ptr = std::shared_ptr<figures>;

constexpr std::string_view kind_prefix = "kind:";

bool is_kind(const queue_stats& x) {
  return x.settings.name.starts_with(kind_prefix);
}

uint64_t count_of(const std::map<std::string, uint64_t>& counts, job_state state) {
  auto i = counts.find(std::string{to_string(state)});
  return i == counts.end() ? 0 : i->second;
}

constexpr std::array ends{job_state::completed, job_state::failed, job_state::cancelled};

void add_durations(exposition& out, const queue_stats& q) {
  auto& name = q.settings.name;
  auto& counts = q.ended.durations;
  uint64_t total = 0;
  for (size_t i = 0; i <= job_duration_bounds.size(); ++i) {
    total += i < counts.size() ? counts[i] : 0;
    auto bound = i < job_duration_bounds.size() ? exposition_number(job_duration_bounds[i]) : "+Inf";
    out.sample("_bucket", static_cast<double>(total), {{"queue", name}, {"le", bound}});
  }
  out.sample("_sum", static_cast<double>(q.ended.duration_total.count()) / 1000, {{"queue", name}});
  out.sample("_count", static_cast<double>(total), {{"queue", name}});
}

/// Runs `f` for the queues, or for the kinds; "kind:…" entries count the same jobs again.
template <class F>
void each(const std::vector<queue_stats>& all, bool kinds, F f) {
  for (auto& q : all)
    if (is_kind(q) == kinds)
      f(q);
}

/// The names that clients of the systems before Troupe read (contract.md, "Metrics").
void add_contract_names(exposition& out, const std::vector<queue_stats>& all) {
  out.family("queue_jobs_total", "counter", "Jobs that ended, by queue and how, since the dispatcher began");
  each(all, false, [&](const queue_stats& q) {
    for (auto state : ends)
      out.sample(static_cast<double>(count_of(q.ended.by_state, state)),
                 {{"queue", q.settings.name}, {"status", to_string(state)}});
  });
  out.family("queue_job_duration_seconds", "histogram",
             "Completed and failed jobs, from the start of their last attempt to its end");
  each(all, false, [&](const queue_stats& q) { add_durations(out, q); });
  out.family("youtube_downloads_total", "counter", "Download jobs that ended, by how, since the dispatcher began");
  each(all, true, [&](const queue_stats& q) {
    if (q.settings.name == "kind:download")
      for (auto state : ends)
        out.sample(static_cast<double>(count_of(q.ended.by_state, state)), {{"status", to_string(state)}});
  });
}

void add_queues(exposition& out, const std::vector<queue_stats>& all) {
  constexpr std::array open{job_state::waiting, job_state::delayed, job_state::queued, job_state::running};
  out.family("troupe_queue_jobs", "gauge", "Unfinished jobs by queue and state: the depth");
  each(all, false, [&](const queue_stats& q) {
    for (auto state : open)
      out.sample(static_cast<double>(count_of(q.by_state, state)),
                 {{"queue", q.settings.name}, {"status", to_string(state)}});
  });
  out.family("troupe_queue_oldest_seconds", "gauge", "Age of the oldest queued job");
  each(all, false, [&](const queue_stats& q) {
    out.sample(static_cast<double>(q.oldest_queued.count()) / 1000, {{"queue", q.settings.name}});
  });
  out.family("troupe_queue_paused", "gauge", "1 while the queue is paused");
  each(all, false, [&](const queue_stats& q) { out.sample(q.settings.paused ? 1 : 0, {{"queue", q.settings.name}}); });
  out.family("troupe_job_retries_total", "counter", "Failed attempts that a further one follows, by error class");
  each(all, false, [&](const queue_stats& q) {
    for (auto cls : {error_class::transient, error_class::throttled, error_class::crash}) {
      auto i = q.ended.retries.find(std::string{to_string(cls)});
      out.sample(i == q.ended.retries.end() ? 0 : static_cast<double>(i->second),
                 {{"queue", q.settings.name}, {"class", to_string(cls)}});
    }
  });
  out.family("troupe_kind_jobs_total", "counter", "Jobs that ended, by kind and how, since the dispatcher began");
  each(all, true, [&](const queue_stats& q) {
    for (auto state : ends)
      out.sample(
        static_cast<double>(count_of(q.ended.by_state, state)),
        {{"kind", std::string_view{q.settings.name}.substr(kind_prefix.size())}, {"status", to_string(state)}});
  });
}

void add_workers(exposition& out, const std::vector<worker_info>& all) {
  // Two processes may bear one name for a moment: a series must be there once.
  struct node {
    uint64_t leases = 0;
    std::map<std::string, uint64_t> slots;
  };
  std::map<std::string, node> nodes;
  for (auto& w : all) {
    auto& n = nodes[w.node_name];
    n.leases += w.running.size();
    for (auto& slots : w.credit)
      n.slots[slots.queue] += slots.slots;
  }
  out.family("troupe_workers", "gauge", "Worker processes that the dispatcher knows");
  out.sample(static_cast<double>(all.size()));
  out.family("troupe_leases", "gauge", "Jobs that a worker holds the lease of");
  for (auto& [name, n] : nodes)
    out.sample(static_cast<double>(n.leases), {{"worker", name}});
  out.family("troupe_worker_slots", "gauge", "Jobs of a queue that a worker takes at once");
  for (auto& [name, n] : nodes)
    for (auto& [queue, slots] : n.slots)
      out.sample(static_cast<double>(slots), {{"worker", name}, {"queue", queue}});
}

void add_nodes(exposition& out, const std::vector<node_details>& all) {
  std::map<std::string_view, uint64_t> states{
    {"active", 0}, {"away", 0}, {"closed", 0}, {"draining", 0}, {"quarantined", 0}};
  for (auto& x : all)
    ++states[standing(x)];
  out.family("troupe_nodes", "gauge", "Nodes by what becomes of new work there; closed: outside of their hours");
  for (auto& [state, n] : states)
    out.sample(static_cast<double>(n), {{"state", state}});
  out.family("troupe_node_slots", "gauge", "Jobs of a queue that a node takes at once");
  for (auto& x : all)
    for (auto& [queue, n] : x.queues)
      out.sample(n.slots, {{"node", x.rules.name}, {"queue", queue}});
  out.family("troupe_node_slots_used", "gauge", "Jobs of a queue that a node runs");
  for (auto& x : all)
    for (auto& [queue, n] : x.queues)
      out.sample(n.used, {{"node", x.rules.name}, {"queue", queue}});
  out.family("troupe_node_leases", "gauge", "Jobs that the workers of a node hold the lease of");
  for (auto& x : all)
    out.sample(x.running, {{"node", x.rules.name}});
  out.family("troupe_node_speed", "gauge", "Measured units of work a second (of encodes: seconds of film), by kind");
  for (auto& x : all)
    for (auto& [kind, speed] : x.speeds)
      out.sample(speed, {{"node", x.rules.name}, {"kind", kind}});
  out.family("troupe_node_score", "gauge", "Failures of a node that others made good, fading; at 2.5 quarantined");
  for (auto& x : all)
    out.sample(x.score, {{"node", x.rules.name}});
}

/// Of all nodes: what they told the coordinator last. Of what this process itself has moved (`own`) the list knows less
/// until then, and never more.
ports::file_traffic traffic_of(const std::optional<std::vector<node_details>>& all, const ports::file_traffic& own) {
  ports::file_traffic out;
  for (auto& x : all.value_or(std::vector<node_details>{}))
    for (auto& link : x.links) {
      out.sent[x.rules.name] += link.received;
      out.received[x.rules.name] += link.sent;
    }
  auto at_least = [](auto& to, auto& from) {
    for (auto& [node, bytes] : from)
      to[node] = std::max(to[node], bytes);
  };
  at_least(out.sent, own.sent);
  at_least(out.received, own.received);
  return out;
}

/// `x`: as those see it who sent to the nodes that it names.
void add_traffic(exposition& out, const ports::file_traffic& x) {
  out.family("troupe_file_bytes_total", "counter",
             "Bytes of files that went to a node from the others (out) and came from it to them (in)");
  for (auto& [node, bytes] : x.sent)
    out.sample(static_cast<double>(bytes), {{"node", node}, {"direction", "out"}});
  for (auto& [node, bytes] : x.received)
    out.sample(static_cast<double>(bytes), {{"node", node}, {"direction", "in"}});
}

void add_disks(exposition& out, const std::vector<node_details>& all) {
  out.family("troupe_node_disk_free_bytes", "gauge", "Room on the disk of a node's data folder or cache");
  for (auto& x : all)
    for (auto& disk : x.disks)
      out.sample(static_cast<double>(disk.free), {{"node", x.rules.name}, {"use", disk.use}});
}

void add_executors(exposition& out, const ports::executor_figures& x) {
  out.family("troupe_executors", "gauge", "Executor processes of this node");
  out.sample(static_cast<double>(x.busy), {{"state", "busy"}});
  out.sample(static_cast<double>(x.processes - std::min(x.busy, x.processes)), {{"state", "idle"}});
  out.family("troupe_executor_waiting", "gauge", "Operations that wait for an executor");
  out.sample(static_cast<double>(x.waiting));
  out.family("troupe_executor_starts_total", "counter", "Executor processes started");
  out.sample(static_cast<double>(x.started));
  out.family("troupe_executor_crashes_total", "counter", "Executor processes that died by themselves");
  out.sample(static_cast<double>(x.crashes));
}

void add_caches(exposition& out, const std::vector<cache_layer_stats>& layers) {
  out.family("troupe_cache_lookups_total", "counter", "Cache lookups");
  for (auto& x : layers) {
    out.sample(static_cast<double>(x.hits), {{"layer", x.layer}, {"outcome", "hit"}});
    out.sample(static_cast<double>(x.misses), {{"layer", x.layer}, {"outcome", "miss"}});
  }
  out.family("troupe_cache_entries", "gauge", "Entries that a cache layer holds");
  for (auto& x : layers)
    out.sample(static_cast<double>(x.size), {{"layer", x.layer}});
  out.family("troupe_cache_evictions_total", "counter", "Entries that made room for others");
  for (auto& x : layers)
    out.sample(static_cast<double>(x.evictions), {{"layer", x.layer}});
}

void answer_metrics(exchange& x, const figures& got) {
  exposition text;
  if (got.queues) {
    add_contract_names(text, *got.queues);
    add_queues(text, *got.queues);
  }
  // Without series: nothing can be requested before the routes of media requests are there.
  text.family("media_requests_total", "counter", "Requests for films and series, by type and status");
  if (got.workers)
    add_workers(text, *got.workers);
  if (got.nodes) {
    add_nodes(text, *got.nodes);
    add_disks(text, *got.nodes);
  }
  add_traffic(text, traffic_of(got.nodes, x.app().backend.traffic().value_or(ports::file_traffic{})));
  if (got.executors)
    add_executors(text, *got.executors);
  text.family("troupe_coordinator_away", "gauge",
              "1 while the coordinator can't be reached and reads are answered from the cache");
  text.sample(x.app().backend.coordinator_away() ? 1 : 0);
  add_caches(text, x.app().backend.cache_stats());
  response out;
  out.content_type = "text/plain; version=0.0.4; charset=utf-8";
  out.body = x.app().stats.render() + std::move(text).str();
  out.headers.emplace_back("Cache-Control", "no-store");
  x.answer(std::move(out));
}

/// A completion that keeps what it gets, then goes on with `next` on the exchange's thread.
template <class T>
ports::completion<T> keep(exchange& x, figures_ptr all, std::optional<T> figures::*part,
                          void (*next)(exchange&, figures_ptr)) {
  return [self = x.hold(), all, part, next](result<T> got) {
    if (got)
      (*all).*part = *std::move(got);
    self.post([self, all, next] { next(*self, all); });
  };
}

void ask_executors(exchange& x, figures_ptr all) {
  x.app().backend.executors(keep<ports::executor_figures>(
    x, all, &figures::executors, [](exchange& self, figures_ptr got) { answer_metrics(self, *got); }));
}

void ask_nodes(exchange& x, figures_ptr all) {
  x.app().backend.nodes(keep<std::vector<node_details>>(x, all, &figures::nodes, ask_executors));
}

void ask_workers(exchange& x, figures_ptr all) {
  x.app().backend.workers(keep<std::vector<worker_info>>(x, all, &figures::workers, ask_nodes));
}

void scrape(exchange& x) {
  auto all = std::make_shared<figures>();
  x.app().backend.queues(keep<std::vector<queue_stats>>(x, all, &figures::queues, ask_workers));
}

} // namespace

void add_metrics_routes(std::vector<route>& out) {
  route r;
  r.path = "/metrics";
  r.summary = "Prometheus exposition format";
  r.answers = {{200, "The figures"}};
  r.handle = scrape;
  r.lenient = true;
  r.limited = false;
  out.push_back(r);
}

} // namespace troupe::net
