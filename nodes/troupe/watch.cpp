#include "nodes/troupe/watch.hpp"

#include "nodes/troupe/event_view.hpp"
#include "nodes/troupe/terminal.hpp"
#include "protocol/model/json.hpp"

namespace troupe::cli {

namespace {

/// Events drive everything; after this long without one the job is asked for once, in case the notifier was restarted.
constexpr milliseconds silence{10'000};

void print_end(session& s, const mesh::job_with_children& x) {
  if (s.json())
    return print_line(status_json(x.item, x.children));
  auto line = "job/" + x.item.id.str() + " " + std::string{to_string(x.item.state)};
  if (is_set(x.item.started) && is_set(x.item.finished))
    line += " in " + format_duration(x.item.finished - x.item.started);
  if (x.item.state == job_state::failed)
    line += ": " + printable(x.item.last_error.message);
  print_line(line);
}

} // namespace

exit_code status_of(const job& x) {
  if (x.state == job_state::failed)
    return exit_code::job_failed;
  return x.state == job_state::cancelled ? exit_code::job_cancelled : exit_code::ok;
}

exit_code watch_job(session& s, job_id id) {
  auto& node = s.connect();
  // First follow, then look: nothing falls between.
  auto events = node.follow({"job:" + id.str()});
  auto fetch = [&] { return node.ask<mesh::job_with_children>(node.node().jobs, mesh::get_job{id}); };
  auto view = fetch();
  live_line line;
  auto show = [&](double fraction, const std::string& stage, const std::string& detail) {
    if (!s.json())
      line.show(fraction, stage.empty() ? std::string{to_string(view.item.state)} : stage, detail);
  };
  show(view.item.progress.fraction, view.item.progress.stage, progress_detail(view.item.progress));
  while (!is_terminal(view.item.state)) {
    auto batch = events->pop(silence);
    bool look = batch.empty();
    for (auto& e : batch) {
      auto x = read_job_event(e);
      if (!x || x->job != id)
        continue;
      if (e.type == "job_progress")
        show(x->fraction, x->stage, progress_detail(*x));
      look = look || x->terminal || e.last;
    }
    if (look)
      view = fetch();
  }
  line.clear();
  print_end(s, view);
  return status_of(view.item);
}

} // namespace troupe::cli
