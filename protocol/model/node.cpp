#include "protocol/model/node.hpp"

#include "protocol/model/job_kinds.hpp"

#include <algorithm>
#include <array>

namespace troupe {

namespace {

constexpr std::array<std::string_view, 3> state_names{"active", "draining", "quarantined"};
constexpr size_t max_name_bytes = 255;
constexpr size_t max_reason_bytes = 1024;
constexpr size_t max_evidence = 100;
constexpr size_t max_hours = 100;
constexpr uint32_t max_slots = 10'000;
constexpr uint32_t max_weight = 10'000;
constexpr uint16_t minutes_a_day = 1440;

} // namespace

std::string_view to_string(node_state s) noexcept {
  auto i = static_cast<size_t>(s);
  return i < state_names.size() ? state_names[i] : state_names.back();
}

std::optional<node_state> node_state_from(std::string_view name) noexcept {
  for (size_t i = 0; i < state_names.size(); ++i)
    if (state_names[i] == name)
      return static_cast<node_state>(i);
  return std::nullopt;
}

result<void> check(const node_rules& x) {
  error bad{errc::validation, "the rules of node \"" + x.name.substr(0, max_name_bytes) + "\" can't be kept"};
  auto problem = [&](const char* field, std::string reason) { bad.fields.emplace_back(field, std::move(reason)); };
  if (x.name.empty() || x.name.size() > max_name_bytes)
    problem("name", "must be 1 to " + std::to_string(max_name_bytes) + " bytes");
  if (x.state > node_state::quarantined)
    problem("state", "must be active, draining or quarantined");
  if (x.reason.size() > max_reason_bytes)
    problem("reason", "must not be longer than " + std::to_string(max_reason_bytes) + " bytes");
  if (x.evidence.size() > max_evidence)
    problem("evidence", "at most " + std::to_string(max_evidence));
  auto queues = queue_names();
  for (auto& [queue, n] : x.slots)
    if (std::find(queues.begin(), queues.end(), queue) == queues.end())
      problem("slots", "there is no queue \"" + queue + "\"");
    else if (n > max_slots)
      problem("slots", "at most " + std::to_string(max_slots) + " of queue " + queue);
  if (x.weight == 0 || x.weight > max_weight)
    problem("weight", "must be 1 to " + std::to_string(max_weight) + " (hundredths); drain the node to give it none");
  if (x.hours.size() > max_hours)
    problem("hours", "at most " + std::to_string(max_hours) + " ranges");
  for (auto& h : x.hours)
    if (h.weekdays == 0 || h.weekdays > 0x7F || h.from >= minutes_a_day || h.to > minutes_a_day)
      problem("hours", "a range has at least one weekday, begins at minute 0 to 1439 and ends at minute 0 to 1440");
  if (bad.fields.empty())
    return {};
  bad.message += ": " + bad.fields.front().first + " " + bad.fields.front().second;
  return bad;
}

bool within(const std::vector<work_hours>& hours, timestamp local) noexcept {
  if (hours.empty())
    return true;
  using days = std::chrono::duration<int64_t, std::ratio<86'400>>;
  auto day = std::chrono::floor<days>(local);
  auto minute = std::chrono::duration_cast<std::chrono::minutes>(local - day).count();
  // The epoch was a Thursday.
  auto weekday = static_cast<unsigned>(((day.time_since_epoch().count() + 3) % 7 + 7) % 7);
  auto on = [](const work_hours& h, unsigned d) { return (h.weekdays >> d & 1) != 0; };
  return std::any_of(hours.begin(), hours.end(), [&](const work_hours& h) {
    if (h.from < h.to)
      return on(h, weekday) && minute >= h.from && minute < h.to;
    return (on(h, weekday) && minute >= h.from) || (on(h, (weekday + 6) % 7) && minute < h.to);
  });
}

} // namespace troupe
