#include "nodes/troupe/event_view.hpp"

#include "nodes/troupe/format.hpp"
#include "protocol/model/json_codec.hpp"

namespace troupe::cli {

namespace {

std::string detail_of(int64_t speed_milli, int64_t eta_ms, int64_t parts, const std::string& message) {
  std::string out;
  if (speed_milli > 0) {
    char buf[32];
    std::snprintf(buf, sizeof(buf), "%.1fx", static_cast<double>(speed_milli) / 1000);
    out = buf;
  }
  if (eta_ms >= 0)
    out += (out.empty() ? "" : ", ") + format_duration(milliseconds{eta_ms / 1000 * 1000}) + " left";
  if (out.empty())
    return message;
  return parts > 0 && !message.empty() ? out + ", " + message : out;
}

job_id read_id(object_reader& in, const char* name) {
  std::string text;
  in.read(name, text);
  return job_id::parse(text).value_or(job_id{});
}

} // namespace

std::optional<job_event> read_job_event(const event& x) {
  auto doc = parse_json(x.data, "event");
  if (!doc || !doc->is_object())
    return std::nullopt;
  job_event out;
  object_reader in{*doc, "event"};
  out.job = read_id(in, "jobId");
  if (!out.job && x.topic.starts_with("job:"))
    out.job = job_id::parse(x.topic.substr(4)).value_or(job_id{});
  if (!out.job)
    return std::nullopt;
  out.parent = read_id(in, "parent");
  double percent = 0;
  std::string status;
  in.read("progress", percent).read("kind", out.kind).read("stage", out.stage).read("message", out.message);
  in.read("status", status);
  in.each_entry("counters", [&](const std::string& name, const nlohmann::json& value) {
    if (name == "speed")
      object_reader::to_integer(value, out.speed_milli);
    else if (name == "etaMs")
      object_reader::to_integer(value, out.eta_ms);
    else if (name == "parts")
      object_reader::to_integer(value, out.parts);
    else if (name == "partsDone")
      object_reader::to_integer(value, out.parts_done);
  });
  out.fraction = percent / 100;
  auto state = job_state_from(status);
  out.terminal =
    x.type == "job_completed" || x.type == "job_failed" || x.type == "job_cancelled" || (state && is_terminal(*state));
  return out;
}

std::string progress_detail(const job_event& x) {
  return detail_of(x.speed_milli, x.eta_ms, x.parts, x.message);
}

std::string progress_detail(const job_progress& x) {
  auto counter = [&](const char* name, int64_t fallback) {
    auto i = x.counters.find(name);
    return i == x.counters.end() ? fallback : i->second;
  };
  return detail_of(counter("speed", 0), counter("etaMs", -1), counter("parts", 0), x.message);
}

std::string event_line(const event& x) {
  auto out = to_iso8601(x.at) + "  " + printable(x.topic) + "  " + printable(x.type);
  if (auto job = read_job_event(x)) {
    if (!x.topic.starts_with("job:"))
      out += "  " + job->job.str();
    if (!job->kind.empty())
      out += "  " + printable(job->kind);
    if (x.type == "job_progress")
      out += "  " + progress_text(job->fraction, job->stage, progress_detail(*job));
    else if (!job->message.empty())
      out += "  " + printable(job->message);
    return out;
  }
  return x.data == "{}" ? out : out + "  " + printable(x.data);
}

} // namespace troupe::cli
