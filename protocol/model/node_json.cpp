// The stored and outward JSON of nodes.

#include "protocol/model/json.hpp"
#include "protocol/model/json_codec.hpp"
#include "protocol/model/node.hpp"

namespace troupe {

namespace {

using nlohmann::json;

template <class T, class F>
result<std::vector<T>> decode_array(std::string_view text, std::string_view what, F read) {
  std::vector<T> out;
  if (text.empty())
    return out;
  auto doc = parse_json(text, what);
  if (!doc)
    return std::move(doc).error();
  if (!doc->is_array())
    return {errc::validation, std::string{what} + ": must be a JSON array"};
  for (auto& x : *doc) {
    result<T> one = read(x);
    if (!one)
      return std::move(one).error();
    out.push_back(*std::move(one));
  }
  return out;
}

result<node_evidence> read_evidence(const json& doc) {
  node_evidence x;
  object_reader in{doc, "stored evidence"};
  std::string id;
  in.read("job", id).read("kind", x.kind).read("error", x.error).read("doneBy", x.done_by).read("at", x.at);
  if (auto parsed = job_id::parse(id))
    x.job = *parsed;
  else
    in.note("job", "must be an id of 26 characters");
  return in.finish(std::move(x));
}

result<work_hours> read_hours(const json& doc) {
  work_hours x;
  object_reader in{doc, "stored hours"};
  in.read("weekdays", x.weekdays).read("from", x.from).read("to", x.to);
  return in.finish(x);
}

/// "mon" …
std::string weekday_list(uint8_t weekdays) {
  static constexpr const char* names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  std::vector<std::string> out;
  for (unsigned d = 0; d < 7; ++d)
    if (weekdays >> d & 1)
      out.emplace_back(names[d]);
  return json_array(out, [](const std::string& x) { return json_quote(x); });
}

/// 90 → "01:30"
std::string clock_time(uint16_t minute) {
  auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return two(minute / 60) + ":" + two(minute % 60);
}

} // namespace

std::string encode(const std::vector<node_evidence>& xs) {
  return json_array(xs, [](const node_evidence& x) {
    object_writer out;
    out.text("job", x.job.str()).text("kind", x.kind).text("error", x.error).text("doneBy", x.done_by);
    return std::move(out.time("at", x.at)).str();
  });
}

result<std::vector<node_evidence>> decode_evidence(std::string_view text) {
  return decode_array<node_evidence>(text, "stored evidence", read_evidence);
}

std::string encode(const std::vector<work_hours>& xs) {
  return json_array(xs, [](const work_hours& x) {
    object_writer out;
    return std::move(out.number("weekdays", x.weekdays).number("from", x.from).number("to", x.to)).str();
  });
}

result<std::vector<work_hours>> decode_hours(std::string_view text) {
  return decode_array<work_hours>(text, "stored hours", read_hours);
}

std::string outward_json(const node_details& x) {
  auto& r = x.rules;
  object_writer slots;
  for (auto& [queue, n] : r.slots)
    slots.quoted_number(queue, n);
  object_writer speeds;
  for (auto& [kind, speed] : x.speeds)
    speeds.number(kind, speed);
  object_writer out;
  out.text("name", r.name).text("state", to_string(r.state)).text("reason", r.reason).time("since", r.since);
  out.boolean("byScore", r.by_score).boolean("open", x.open).text("closed", x.closed);
  out.raw("slots", std::move(slots).str()).number("weight", r.weight / 100.0);
  out.raw("hours", json_array(r.hours, [](const work_hours& h) {
            object_writer one;
            one.raw("weekdays", weekday_list(h.weekdays)).text("from", clock_time(h.from)).text("to", clock_time(h.to));
            return std::move(one).str();
          }));
  out.raw("workers", json_array(x.workers, [](worker_id id) { return json_quote(id.str()); }));
  out.number("running", x.running).number("score", x.score).raw("evidence", encode(x.evidence));
  out.raw("speeds", std::move(speeds).str());
  out.number("nextProbe", static_cast<double>(x.next_probe.count()) / 1000.0);
  return std::move(out).str();
}

} // namespace troupe
