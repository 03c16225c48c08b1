#include "actors/dispatch/dispatcher_parts.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"
#include "protocol/model/outward_text.hpp"

#include <charconv>
#include <cmath>
#include <iterator>

namespace troupe::dispatch {

namespace {

std::string_view event_type(job_state state) {
  switch (state) {
  case job_state::completed:
    return "job_completed";
  case job_state::failed:
    return "job_failed";
  case job_state::cancelled:
    return "job_cancelled";
  default:
    return "job_progress";
  }
}

/// 0 to 100 with one decimal: what a progress bar needs.
double percent(const job& x) {
  return x.state == job_state::completed ? 100.0 : std::round(x.progress.fraction * 1000) / 10;
}

std::string data_of(const job& x) {
  std::string out;
  out.reserve(320);
  auto id = x.id.str();
  out += "{\"jobId\":\"" + id + "\",\"job_id\":\"" + id + "\",\"kind\":" + json_quote(x.spec.kind) + ",\"status\":\"";
  out += to_string(shown_state(x));
  char number[32];
  auto end = std::to_chars(number, std::end(number), percent(x), std::chars_format::general, 4).ptr;
  out += "\",\"progress\":";
  out.append(number, end);
  out +=
    ",\"stage\":" + json_quote(x.progress.stage) + ",\"message\":" + json_quote(without_folders(x.progress.message));
  out += ",\"attempts\":" + std::to_string(x.attempt);
  if (!x.progress.counters.empty())
    out += ",\"counters\":" + encode(x.progress.counters);
  if (x.spec.parent)
    out += ",\"parent\":\"" + x.spec.parent.str() + "\"";
  // A worker's text: events must stay JSON whatever it is.
  if (x.state == job_state::completed && is_json(x.result))
    out += ",\"result\":" + json_without_folders(x.result);
  if (x.last_error.code != errc::none && x.state != job_state::completed)
    out += ",\"error\":" + json_quote(without_folders(x.last_error.message));
  out += '}';
  return out;
}

std::vector<event> make(const job& x, bool coalesce, const std::function<bool(std::string_view)>& wanted) {
  std::vector<event> out;
  auto add = [&](std::string topic, bool last) {
    if (wanted && !wanted(topic))
      return;
    event e;
    e.topic = std::move(topic);
    e.type = event_type(x.state);
    e.data = out.empty() ? data_of(x) : out.front().data;
    e.coalesce = coalesce;
    e.last = last;
    out.push_back(std::move(e));
  };
  add("job:" + x.id.str(), is_terminal(x.state));
  // Live progress of every job would drown who watches the list: it sees states and stages, also of parts, which the
  // lists leave out; "parent" tells them apart.
  if (!coalesce)
    add("jobs", false);
  if (!x.spec.owner.empty())
    add("user:" + x.spec.owner, false);
  return out;
}

} // namespace

std::vector<event> events_of(const job& x, const std::function<bool(std::string_view)>& wanted) {
  return make(x, false, wanted);
}

std::vector<event> progress_events_of(const job& x, const std::function<bool(std::string_view)>& wanted) {
  return make(x, true, wanted);
}

void add_moved_parents(dispatcher_state& st, mesh::publish_events& to) {
  for (auto id : st.queue->take_moved_parents())
    if (auto* item = st.queue->find(id))
      for (auto& e : progress_events_of(*item, st.config.wanted))
        to.events.push_back(std::move(e));
}

} // namespace troupe::dispatch
