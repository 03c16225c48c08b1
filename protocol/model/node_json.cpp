// The stored and outward JSON of nodes.

#include "protocol/model/encoders.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_codec.hpp"
#include "protocol/model/node.hpp"

namespace troupe {

namespace {

using nlohmann::json;

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
  return decode_list<node_evidence>(text, "stored evidence", read_evidence);
}

std::string encode(const std::vector<work_hours>& xs) {
  return json_array(xs, [](const work_hours& x) {
    object_writer out;
    return std::move(out.number("weekdays", x.weekdays).number("from", x.from).number("to", x.to)).str();
  });
}

result<std::vector<work_hours>> decode_hours(std::string_view text) {
  return decode_list<work_hours>(text, "stored hours", read_hours);
}

namespace {

result<work_hours> read_outward_hours(const json& doc) {
  if (doc.is_string())
    return parse_hours(doc.get_ref<const std::string&>());
  object_reader in{doc, "hours"};
  std::vector<std::string> days;
  std::string from = "00:00", to = "24:00";
  in.read("weekdays", days).read("from", from).read("to", to);
  TROUPE_TRY(in.finish(0));
  std::string text;
  for (auto& day : days)
    text += (text.empty() ? "" : ",") + day;
  return parse_hours(text + (text.empty() ? "" : " ") + from + "-" + to);
}

std::string resources_json(const resources& x) {
  object_writer out;
  out.number("cores", x.cores / 1000.0).number("memoryMiB", x.memory_mib).number("gpuSessions", x.gpu_sessions);
  return std::move(out).str();
}

std::string texts(const std::vector<std::string>& xs) {
  return json_array(xs, [](const std::string& x) { return json_quote(x); });
}

std::vector<std::string> encoders_of(const node_details& x) {
  std::vector<std::string> out;
  for (auto& one : x.capabilities)
    if (auto name = encoder_of(one); !name.empty())
      out.emplace_back(name);
  return out;
}

std::string disks_json(const std::vector<disk_space>& xs) {
  return json_array(xs, [](const disk_space& x) {
    object_writer out;
    return std::move(out.text("use", x.use).number("total", x.total).number("free", x.free)).str();
  });
}

std::string links_json(const std::vector<node_link>& xs) {
  return json_array(xs, [](const node_link& x) {
    object_writer out;
    return std::move(out.text("node", x.peer).number("sent", x.sent).number("received", x.received)).str();
  });
}

/// What its connected workers offer, and do.
void add_offer(object_writer& out, const node_details& x) {
  object_writer queues;
  for (auto& [queue, n] : x.queues) {
    object_writer one;
    queues.raw(queue, std::move(one.number("slots", n.slots).number("used", n.used)).str());
  }
  out.boolean("connected", standing(x) != "away")
    .boolean("embedded", x.embedded)
    .raw("queues", std::move(queues).str());
  out.text_or_null("software", x.software)
    .boolean("otherSoftware", x.other_software)
    .text_or_null("fileAddress", x.file_address);
  out.raw("roles", texts(x.roles)).raw("disks", disks_json(x.disks)).raw("links", links_json(x.links));
  out.raw("kinds", texts(x.kinds)).raw("capabilities", texts(x.capabilities));
  out.raw("encoders", texts(encoders_of(x)));
  out.raw("problems", texts(x.problems));
  out.raw("tokens", resources_json(x.tokens)).raw("inUse", resources_json(x.in_use));
  out.raw("jobs", json_array(x.jobs, [](job_id id) { return json_quote(id.str()); }));
  out.time("joinedAt", x.joined).number("silent", static_cast<double>(x.silent.count()) / 1000.0);
}

} // namespace

result<std::vector<work_hours>> hours_from_outward(std::string_view text) {
  return decode_list<work_hours>(text, "hours", read_outward_hours);
}

result<std::map<std::string, int64_t>> slots_from_outward(std::string_view text) {
  auto doc = parse_json(text, "slots");
  if (!doc)
    return std::move(doc).error();
  std::map<std::string, int64_t> out;
  if (!doc->is_object())
    return {errc::validation, "must be an object of queues and numbers"};
  for (auto& [queue, n] : doc->items()) {
    if (n.is_null())
      out[queue] = -1;
    else if (n.is_number_unsigned() && n.get<uint64_t>() <= UINT32_MAX)
      out[queue] = n.get<int64_t>();
    else
      return {errc::validation,
              "of queue " + queue + " must be a whole number from 0, or null for as many as it offers"};
  }
  return out;
}

std::string outward_json(const refused_peer& x) {
  object_writer out;
  out.time("at", x.when).text("name", x.name).text("role", x.role).text("reason", x.reason);
  return std::move(out.number("times", x.times)).str();
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
  out.text("name", r.name).text("status", standing(x)).text("state", to_string(r.state));
  out.text("reason", r.reason).time("since", r.since);
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
  add_offer(out, x);
  return std::move(out).str();
}

} // namespace troupe
