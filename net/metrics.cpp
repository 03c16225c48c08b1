#include "net/metrics.hpp"

#include "net/process_figures.hpp"
#include "net/route.hpp"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>

namespace troupe::net {

namespace {

using family_type = prometheus::MetricType;

const prometheus::Histogram::BucketBoundaries buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                      0.1,    0.25,  0.5,    1,     2.5,  5,     10};

/// Counters of one route and method; those that every request needs are found without a lock.
struct route_series {
  std::atomic<prometheus::Histogram*> duration_ok{nullptr};
  std::atomic<prometheus::Counter*> requests_ok{nullptr};
};

} // namespace

struct metrics::impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Histogram>& durations;
  /// By route (the last one: unknown paths), then by verb. Status 200 only; the others go through the registry.
  std::vector<std::array<route_series, 8>> series;

  explicit impl(size_t routes) :
    requests(prometheus::BuildCounter().Name("http_requests_total").Help("HTTP requests answered").Register(registry)),
    durations(prometheus::BuildHistogram()
                .Name("http_request_duration_seconds")
                .Help("From the end of a request's header to the end of its answer")
                .Register(registry)),
    series(routes + 1) {
  }
};

metrics::metrics(std::span<const route> routes) : impl_(std::make_unique<impl>(routes.size())) {
}

metrics::~metrics() = default;

void metrics::count(const request& req, const route* matched, int status, std::chrono::steady_clock::duration took) {
  auto method = req.method;
  users.saw(req.peer, std::chrono::steady_clock::now());
  auto index = matched ? matched->index : impl_->series.size() - 1;
  auto& s = impl_->series[index][static_cast<size_t>(method)];
  auto requests = status == 200 ? s.requests_ok.load(std::memory_order_acquire) : nullptr;
  auto duration = status == 200 ? s.duration_ok.load(std::memory_order_acquire) : nullptr;
  if (!requests || !duration) {
    std::map<std::string, std::string> labels{{"method", std::string{to_string(method)}},
                                              {"route", matched ? std::string{matched->path} : "unknown"},
                                              {"status", std::to_string(status)}};
    requests = &impl_->requests.Add(labels);
    duration = &impl_->durations.Add(labels, buckets);
    if (status == 200) {
      s.requests_ok.store(requests, std::memory_order_release);
      s.duration_ok.store(duration, std::memory_order_release);
    }
  }
  requests->Increment();
  duration->Observe(std::chrono::duration<double>(took).count());
}

std::string metrics::render() {
  auto out = prometheus::TextSerializer{}.Serialize(impl_->registry.Collect());
  auto add = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    append_metric(out, name, type, help, static_cast<double>(value));
  };
  add("active_users", "gauge",
      "Client addresses with a request in the last 5 minutes or an open live connection; all clients behind one "
      "address count as one",
      users.count(std::chrono::steady_clock::now()));
  add("troupe_http_connections", "gauge", "Open connections of every kind", connections.load());
  add("troupe_http_connections_refused_total", "counter", "Connections over the limit", refused_connections.load());
  add("troupe_http_received_bytes_total", "counter", "Bytes of request bodies", bytes_in_.load());
  add("troupe_http_sent_bytes_total", "counter", "Bytes of response bodies", bytes_out_.load());
  add("troupe_live_clients", "gauge", "WebSocket and SSE clients", live_clients.load());
  add("troupe_live_events_delivered_total", "counter", "Events handed to sockets", events_delivered.load());
  add("troupe_live_events_coalesced_total", "counter", "Events replaced by newer ones", events_coalesced.load());
  add("troupe_live_slow_clients_total", "counter", "Clients closed because they could not keep up",
      slow_clients.load());
  append_process_figures(out);
  return out;
}

} // namespace troupe::net
