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
constexpr std::array<std::string_view, 7> day_names{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr uint8_t every_day = 0x7F;

std::string_view take_until(std::string_view& text, char end) {
  auto at = std::min(text.find(end), text.size());
  auto out = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return out;
}

std::optional<unsigned> day_from(std::string_view name) {
  for (unsigned d = 0; d < day_names.size(); ++d)
    if (day_names[d] == name)
      return d;
  return std::nullopt;
}

/// "mon-fri", "sat,sun", "fri-mon"
std::optional<uint8_t> days_from(std::string_view text) {
  uint8_t out = 0;
  while (!text.empty()) {
    auto range = take_until(text, ',');
    auto single = range.find('-') == std::string_view::npos;
    auto first = day_from(take_until(range, '-'));
    auto last = single ? first : day_from(range);
    if (!first || !last)
      return std::nullopt;
    for (auto d = *first;; d = (d + 1) % 7) {
      out |= static_cast<uint8_t>(1u << d);
      if (d == *last)
        break;
    }
  }
  return out == 0 ? std::nullopt : std::optional{out};
}

/// "22:00" → 1320; "24:00" is the end of the day.
std::optional<uint16_t> minute_from(std::string_view text) {
  auto digit = [&](size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4))
    return std::nullopt;
  auto hour = (text[0] - '0') * 10 + (text[1] - '0');
  auto minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (minute > 59 || hour * 60 + minute > minutes_a_day)
    return std::nullopt;
  return static_cast<uint16_t>(hour * 60 + minute);
}

/// 90 → "01:30"
std::string clock_time(uint16_t minute) {
  auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return two(minute / 60) + ":" + two(minute % 60);
}

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
  std::string known;
  for (auto& queue : queues)
    known += (known.empty() ? "" : ", ") + std::string{queue};
  for (auto& [queue, n] : x.slots)
    if (std::find(queues.begin(), queues.end(), queue) == queues.end())
      problem("slots", "of \"" + queue + "\": there is no such queue, but " + known);
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

std::string_view standing(const node_details& x) noexcept {
  // Who joined and has no worker is a gateway: no job comes to it, open or not.
  const bool works = !x.workers.empty();
  if (!works && !is_set(x.joined))
    return "away";
  if (x.rules.state != node_state::active)
    return to_string(x.rules.state);
  return x.open || !works ? "active" : "closed";
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

result<work_hours> parse_hours(std::string_view text) {
  auto bad = [whole = std::string{text.substr(0, 100)}] {
    return error{errc::validation, "\"" + whole
                                     + "\" is no time of the week; write it like \"mon-fri 22:00-06:00\", "
                                       "\"sat,sun\" or \"08:00-17:30\""};
  };
  auto rest = text;
  auto first = take_until(rest, ' ');
  auto has_days = first.find(':') == std::string_view::npos;
  work_hours out;
  if (has_days) {
    auto days = days_from(first);
    if (!days)
      return bad();
    out.weekdays = *days;
  } else {
    rest = text;
  }
  if (rest.empty())
    return first.empty() ? result<work_hours>{bad()} : out;
  auto from = minute_from(take_until(rest, '-'));
  auto to = minute_from(rest);
  if (!from || !to || *from == minutes_a_day)
    return bad();
  out.from = *from;
  out.to = *to;
  return out;
}

std::string to_text(const work_hours& x) {
  std::string days;
  for (unsigned d = 0; d < day_names.size(); ++d) {
    auto on = [&](unsigned i) { return i < 7 && (x.weekdays >> i & 1) != 0; };
    if (!on(d))
      continue;
    auto last = d;
    while (on(last + 1))
      ++last;
    days += (days.empty() ? "" : ",") + std::string{day_names[d]};
    if (last > d)
      days += (last > d + 1 ? "-" : ",") + std::string{day_names[last]};
    d = last;
  }
  auto all_day = x.from == 0 && x.to == minutes_a_day;
  auto time = clock_time(x.from) + "-" + clock_time(x.to);
  if (x.weekdays == every_day && !all_day)
    return time;
  return all_day ? days : days + " " + time;
}

} // namespace troupe
