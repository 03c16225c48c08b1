#include "store/row_values.hpp"

namespace troupe::store {

namespace {

void set_fixed(job_row& row, const job& x) {
  auto& s = x.spec;
  row.kind = s.kind;
  row.queue = s.queue;
  row.payload = s.payload;
  row.owner = s.owner;
  row.submission_id = s.submission_id;
  row.unique_key = s.unique_key;
  row.parent = id_text(s.parent);
  json_into(row.depends_on, s.depends_on);
  row.on_dependency_failure = static_cast<integer>(s.on_dependency_failure);
  row.not_before = to_ms(s.run_at);
  row.max_attempts = s.retry.max_attempts;
  row.first_delay_ms = s.retry.first_delay.count();
  row.max_delay_ms = s.retry.max_delay.count();
  row.exponential = s.retry.exponential;
  json_into(row.needs, s.needs);
  row.request_id = s.request_id;
  row.traceparent = s.traceparent;
  row.created_at = to_ms(x.created);
  json_into(row.prefers, s.prefers);
  row.cost_cores = s.cost.cores;
  row.cost_memory_mib = s.cost.memory_mib;
  row.cost_gpu_sessions = s.cost.gpu_sessions;
  row.work = s.work;
}

job_spec spec_from(job_row& row) {
  job_spec s;
  s.id = id_from<job_id>(row.id);
  s.kind = std::move(row.kind);
  s.queue = std::move(row.queue);
  s.priority = static_cast<uint8_t>(row.priority);
  s.payload = std::move(row.payload);
  s.owner = std::move(row.owner);
  s.submission_id = std::move(row.submission_id);
  s.unique_key = std::move(row.unique_key);
  s.parent = id_from<job_id>(row.parent);
  s.depends_on = json_from(row.depends_on, decode_job_ids, "depends_on");
  s.on_dependency_failure = static_cast<child_failure>(row.on_dependency_failure);
  s.run_at = from_ms(row.not_before);
  s.retry.max_attempts = static_cast<uint32_t>(row.max_attempts);
  s.retry.first_delay = milliseconds{row.first_delay_ms};
  s.retry.max_delay = milliseconds{row.max_delay_ms};
  s.retry.exponential = row.exponential != 0;
  s.needs = json_from(row.needs, decode_strings, "needs");
  s.request_id = std::move(row.request_id);
  s.traceparent = std::move(row.traceparent);
  s.prefers = json_from(row.prefers, decode_strings, "prefers");
  s.cost = {static_cast<uint32_t>(row.cost_cores), static_cast<uint32_t>(row.cost_memory_mib),
            static_cast<uint32_t>(row.cost_gpu_sessions)};
  s.work = row.work;
  return s;
}

} // namespace

void set_changing(job_row& row, const job& x) {
  row.id = x.id.str();
  row.priority = x.spec.priority;
  row.state = to_string(x.state);
  row.attempt = x.attempt;
  row.failures = x.failures;
  row.interruptions = x.interruptions;
  if (x.progress == job_progress{})
    row.progress.clear();
  else
    row.progress = encode(x.progress);
  row.result = x.result;
  if (x.last_error.code == errc::none)
    row.last_error.clear();
  else
    row.last_error = encode(x.last_error);
  row.started_at = to_ms(x.started);
  row.finished_at = to_ms(x.finished);
  row.run_at = to_ms(x.run_at);
  row.lease_term = static_cast<integer>(x.lease_term);
  row.lease_worker = id_text(x.lease_worker);
  row.worker_name = x.worker_name;
  row.lease_embedded = x.lease_embedded;
  row.cancel_requested = x.cancel_requested;
  json_into(row.attempts, x.attempts);
  row.archived = x.archived;
  row.continuation = encode(x.next);
}

void set_all(job_row& row, const job& x) {
  set_changing(row, x);
  set_fixed(row, x);
}

job to_job(job_row& row) {
  job x;
  x.id = id_from<job_id>(row.id);
  x.spec = spec_from(row);
  x.state = named(job_state_from(row.state), "state", row.state);
  x.attempt = static_cast<uint32_t>(row.attempt);
  x.failures = static_cast<uint32_t>(row.failures);
  x.interruptions = static_cast<uint32_t>(row.interruptions);
  x.progress = json_from(row.progress, decode_progress, "progress");
  x.result = std::move(row.result);
  x.last_error = error_from(row.last_error, "last_error");
  x.created = from_ms(row.created_at);
  x.started = from_ms(row.started_at);
  x.finished = from_ms(row.finished_at);
  x.run_at = from_ms(row.run_at);
  x.lease_term = static_cast<uint64_t>(row.lease_term);
  x.lease_worker = id_from<worker_id>(row.lease_worker);
  x.worker_name = std::move(row.worker_name);
  x.lease_embedded = row.lease_embedded != 0;
  x.cancel_requested = row.cancel_requested != 0;
  x.attempts = json_from(row.attempts, decode_attempts, "attempts");
  x.archived = row.archived != 0;
  x.next = json_from(row.continuation, decode_continuation, "continuation");
  return x;
}

void set_all(queue_row& row, const queue_settings& x) {
  row.name = x.name;
  row.paused = x.paused;
  row.max_running = x.max_running;
  row.max_depth = x.max_depth;
}

queue_settings to_queue(const queue_row& row) {
  return {row.name, row.paused != 0, static_cast<uint32_t>(row.max_running), static_cast<uint32_t>(row.max_depth)};
}

void set_all(node_row& row, const node_rules& x) {
  row.name = x.name;
  row.state = to_string(x.state);
  row.reason = x.reason;
  row.since = to_ms(x.since);
  row.by_score = x.by_score;
  json_into(row.evidence, x.evidence);
  std::map<std::string, int64_t> slots{x.slots.begin(), x.slots.end()};
  json_into(row.slots, slots);
  row.weight = x.weight;
  json_into(row.hours, x.hours);
}

node_rules to_node(const node_row& row) {
  node_rules x;
  x.name = row.name;
  x.state = named(node_state_from(row.state), "state", row.state);
  x.reason = row.reason;
  x.since = from_ms(row.since);
  x.by_score = row.by_score != 0;
  x.evidence = json_from(row.evidence, decode_evidence, "evidence");
  for (auto& [queue, n] : json_from(row.slots, decode_counters, "slots"))
    x.slots[queue] = static_cast<uint32_t>(n);
  x.weight = static_cast<uint32_t>(row.weight);
  x.hours = json_from(row.hours, decode_hours, "hours");
  return x;
}

} // namespace troupe::store
