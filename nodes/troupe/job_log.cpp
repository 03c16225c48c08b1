#include "nodes/troupe/job_log.hpp"

#include "nodes/troupe/event_view.hpp"
#include "nodes/troupe/watch.hpp"
#include "protocol/model/json_writer.hpp"

#include <algorithm>

namespace troupe::cli {

namespace {

/// Jobs that are looked into: many times what one transcode is cut into.
constexpr size_t most_jobs = 5'000;

struct logged {
  job_id job;
  std::string kind;
  attempt_record attempt;
};

/// The attempts of a job and of those below it: those that have ended, in the order of their begin, and what runs.
struct whole_log {
  std::vector<logged> ended;
  std::vector<job> running;
};

whole_log collect(session& s, const mesh::job_with_children& root) {
  whole_log out;
  auto add = [&](const job& x) {
    for (auto& a : x.attempts)
      out.ended.push_back({x.id, x.spec.kind, a});
    if (x.state == job_state::running)
      out.running.push_back(x);
  };
  add(root.item);
  auto open = root.children;
  size_t looked = 0;
  while (!open.empty() && looked++ < most_jobs) {
    auto x = find_job(s, open.back());
    open.pop_back();
    if (!x)
      continue;
    add(x->item);
    open.insert(open.end(), x->children.begin(), x->children.end());
  }
  if (!open.empty())
    std::fprintf(stderr, "only the first %zu of its jobs are shown\n", most_jobs);
  std::stable_sort(out.ended.begin(), out.ended.end(),
                   [](auto& a, auto& b) { return a.attempt.started < b.attempt.started; });
  return out;
}

std::string to_json(const logged& x) {
  auto& a = x.attempt;
  object_writer out;
  out.id("job", x.job).text("kind", x.kind).number("attempt", a.number).text("worker", a.worker);
  out.time("startedAt", a.started).time("endedAt", a.ended).text("end", to_string(a.end));
  out.text_or_null("error", a.failure.code == errc::none ? std::string{} : a.failure.message);
  return std::move(out.text("operation", a.operation).text("log", a.log_tail)).str();
}

std::string running_json(const job& x) {
  object_writer out;
  out.id("job", x.id).text("kind", x.spec.kind).number("attempt", x.attempt).text("worker", x.worker_name);
  out.time("startedAt", x.started).text("stage", x.progress.stage);
  return std::move(out.text("message", x.progress.message)).str();
}

void print_running(const job& x) {
  auto& p = x.progress;
  print_line("-- " + to_iso8601(x.started) + " " + printable(x.worker_name) + ": " + printable(x.spec.kind) + " "
             + x.id.str() + ", attempt " + std::to_string(x.attempt)
             + ", runs: " + printable(progress_text(p.fraction, p.stage, progress_detail(p))));
}

void print(const logged& x) {
  auto& a = x.attempt;
  print_line("-- " + to_iso8601(a.started) + " " + printable(a.worker) + ": " + printable(x.kind) + " " + x.job.str()
             + ", attempt " + std::to_string(a.number) + ", " + std::string{to_string(a.end)} + " after "
             + format_duration(a.ended - a.started)
             + (a.failure.code == errc::none ? "" : ": " + printable(a.failure.message)));
  if (!a.operation.empty())
    print_line("$ " + printable(a.operation));
  std::string_view rest = a.log_tail;
  while (!rest.empty()) {
    auto end = std::min(rest.find('\n'), rest.size());
    print_line(printable(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

} // namespace

std::optional<mesh::job_with_children> find_job(session& s, job_id id) {
  auto& node = s.connect();
  try {
    return node.ask<mesh::job_with_children>(node.node().jobs, mesh::get_job{id});
  } catch (const failure& problem) {
    if (problem.status() == exit_code::not_found)
      return std::nullopt;
    throw;
  }
}

exit_code show_job_log(session& s, const std::string& id) {
  auto& node = s.connect();
  auto root = node.ask<mesh::job_with_children>(node.node().jobs, mesh::get_job{parse_id<job_id>(id, "job")});
  auto all = collect(s, root);
  auto& spec = root.item.spec;
  if (s.json()) {
    object_writer out;
    out.id("id", root.item.id).text_or_null("requestId", spec.request_id).text_or_null("traceparent", spec.traceparent);
    out.raw("attempts", json_array(all.ended, [](auto& x) { return to_json(x); }));
    out.raw("running", json_array(all.running, [](auto& x) { return running_json(x); }));
    print_line(std::move(out).str());
    return exit_code::ok;
  }
  // The words that the logs of all nodes have in their lines about it.
  if (!spec.request_id.empty())
    print_line("request " + printable(spec.request_id));
  for (auto& x : all.ended)
    print(x);
  for (auto& x : all.running)
    print_running(x);
  if (all.ended.empty() && all.running.empty())
    std::fputs("no attempt has begun yet\n", stderr);
  return exit_code::ok;
}

} // namespace troupe::cli
