#include "nodes/troupe/watch.hpp"

#include "nodes/troupe/event_view.hpp"
#include "nodes/troupe/terminal.hpp"
#include "protocol/model/json.hpp"

#include <algorithm>

namespace troupe::cli {

namespace {

/// Events drive everything; after this long without one the job is asked for once, in case the notifier was restarted.
constexpr milliseconds silence{10'000};

void print_end(session& s, const mesh::job_with_children& x) {
  if (s.json())
    return print_line(status_json(x.item, x.children));
  auto line = "job/" + x.item.id.str() + " " + std::string{to_string(x.item.state)};
  // One that was done in parts was started anew for their join.
  auto start = x.children.empty() ? x.item.started : x.item.created;
  if (is_set(start) && is_set(x.item.finished))
    line += " in " + format_duration(x.item.finished - start);
  if (x.item.state == job_state::failed)
    line += ": " + printable(x.item.last_error.message);
  print_line(line);
}

/// Of a job in parts: says of each part, once it has ended, what it was, on which node, and how long that took.
class ended_parts {
public:
  void tell(session& s, const std::vector<job_id>& all, live_line& line) {
    auto& node = s.connect();
    for (auto id : all) {
      if (std::find(told_.begin(), told_.end(), id) != told_.end())
        continue;
      auto part = node.ask<mesh::job_with_children>(node.node().jobs, mesh::get_job{id}).item;
      if (!is_terminal(part.state))
        continue;
      told_.push_back(id);
      auto what = part.progress.message.empty() ? part.spec.kind : part.progress.message;
      line.print("  " + printable(what) + ": " + std::string{to_string(part.state)}
                 + (part.worker_name.empty() ? "" : " by " + printable(part.worker_name))
                 + (is_set(part.started) ? " in " + format_duration(part.finished - part.started) : ""));
    }
  }

private:
  std::vector<job_id> told_;
};

/// @param parts what was told of them before a connection broke off.
exit_code watch_once(session& s, job_id id, ended_parts& parts, const std::function<void()>& seen) {
  auto& node = s.connect();
  // First follow, then look: nothing falls between.
  auto events = node.follow({"job:" + id.str()});
  auto fetch = [&] { return node.ask<mesh::job_with_children>(node.node().jobs, mesh::get_job{id}); };
  auto view = fetch();
  seen();
  live_line line;
  int64_t parts_done = 0;
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
      if (x->parts_done > parts_done) {
        parts_done = x->parts_done;
        look = true;
      }
      look = look || x->terminal || e.last;
    }
    if (look)
      view = fetch();
    if (look && parts_done > 0 && !s.json())
      parts.tell(s, view.children, line);
  }
  line.clear();
  print_end(s, view);
  return status_of(view.item);
}

} // namespace

exit_code status_of(const job& x) {
  if (x.state == job_state::failed)
    return exit_code::job_failed;
  return x.state == job_state::cancelled ? exit_code::job_cancelled : exit_code::ok;
}

exit_code watch_job(session& s, job_id id) {
  ended_parts parts;
  return stay_with(s, [&](auto& seen) { return watch_once(s, id, parts, seen); });
}

} // namespace troupe::cli
