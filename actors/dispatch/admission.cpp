#include "actors/dispatch/admission.hpp"

#include "actors/dispatch/retry_rules.hpp"

#include <algorithm>

namespace troupe::dispatch {

namespace {

constexpr size_t max_text = 512;
constexpr size_t max_needs = 32;
constexpr size_t max_dependencies = 100'000;
constexpr uint32_t max_attempts = 1'000;
/// So that the sum over all that a worker holds fits.
constexpr resources most_cost{256'000, 262'144, 1'000};
constexpr double most_work = 1e15;
constexpr milliseconds longest_delay{7 * 24 * 3'600'000};

template <class Range, class Name>
std::string list_names(const Range& range, Name name) {
  std::string out;
  for (auto& x : range)
    out.append(out.empty() ? "" : ", ").append(name(x));
  return out;
}

bool looks_like_object(std::string_view json) noexcept {
  auto first = json.find_first_not_of(" \t\r\n");
  auto last = json.find_last_not_of(" \t\r\n");
  return first != last && first != std::string_view::npos && json[first] == '{' && json[last] == '}';
}

} // namespace

void complete_spec(job_spec& spec, const std::string& prefix,
                   std::vector<std::pair<std::string, std::string>>& problems) {
  auto problem = [&](const char* field, std::string reason) {
    problems.emplace_back(prefix + field, std::move(reason));
  };
  auto* kind = find_job_kind(spec.kind);
  if (!kind) {
    problem("kind", "unknown; one of " + list_names(job_kinds(), [](auto& k) { return k.name; }));
  } else {
    if (spec.queue.empty())
      spec.queue = kind->queue;
    if (spec.priority == 0)
      spec.priority = kind->priority;
    if (spec.cost.none())
      spec.cost = kind->cost;
  }
  auto queues = queue_names();
  if (!spec.queue.empty() && std::find(queues.begin(), queues.end(), spec.queue) == queues.end())
    problem("queue", "unknown; one of " + list_names(queues, [](auto& q) { return q; }));
  if (spec.priority > 10)
    problem("priority", "must be 1 (critical) to 10 (low)");
  if (spec.payload.empty())
    spec.payload = "{}";
  if (spec.payload.size() > max_payload_bytes)
    problem("payload", "must not be larger than " + std::to_string(max_payload_bytes) + " bytes");
  else if (!looks_like_object(spec.payload))
    problem("payload", "must be a JSON object");
  for (auto [name, text] : {std::pair{"owner", &spec.owner}, std::pair{"submission_id", &spec.submission_id},
                            std::pair{"unique_key", &spec.unique_key}, std::pair{"request_id", &spec.request_id},
                            std::pair{"traceparent", &spec.traceparent}})
    if (text->size() > max_text)
      problem(name, "must not be longer than " + std::to_string(max_text) + " bytes");
  if (spec.needs.size() > max_needs
      || std::any_of(spec.needs.begin(), spec.needs.end(), [](auto& n) { return n.size() > max_text; }))
    problem("needs",
            "at most " + std::to_string(max_needs) + " names of at most " + std::to_string(max_text) + " bytes");
  if (spec.prefers.size() > max_needs
      || std::any_of(spec.prefers.begin(), spec.prefers.end(), [](auto& n) { return n.size() > max_text; }))
    problem("prefers",
            "at most " + std::to_string(max_needs) + " names of at most " + std::to_string(max_text) + " bytes");
  if (spec.cost.cores > most_cost.cores || spec.cost.memory_mib > most_cost.memory_mib
      || spec.cost.gpu_sessions > most_cost.gpu_sessions)
    problem("cost", "at most " + std::to_string(most_cost.cores) + " thousandths of a core, "
                      + std::to_string(most_cost.memory_mib) + " MiB and " + std::to_string(most_cost.gpu_sessions)
                      + " GPU sessions");
  if (!(spec.work >= 0) || spec.work > most_work)
    problem("work", "must be 0 to 1e15");
  if (spec.depends_on.size() > max_dependencies)
    problem("depends_on", "at most " + std::to_string(max_dependencies) + " jobs");
  auto& r = spec.retry;
  if (r.max_attempts > max_attempts)
    problem("retry.max_attempts", "must not be over " + std::to_string(max_attempts));
  for (auto [name, delay] : {std::pair{"retry.first_delay", r.first_delay}, std::pair{"retry.max_delay", r.max_delay}})
    if (delay < milliseconds{0} || delay > longest_delay)
      problem(name, "must be 0 to 7 days");
  if (spec.run_at < timestamp{})
    problem("run_at", "must not be before 1970");
  complete_policy(r, kind);
}

} // namespace troupe::dispatch
