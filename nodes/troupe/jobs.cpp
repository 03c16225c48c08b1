#include "nodes/troupe/event_view.hpp"
#include "nodes/troupe/job_log.hpp"
#include "nodes/troupe/watch.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cli {

namespace {

/// Parts that `show` lists.
constexpr size_t most_parts = 100;

timestamp now() {
  return system_clocks{}.wall();
}

std::string short_error(const job& x) {
  return x.last_error.code == errc::none ? std::string{} : x.last_error.message;
}

exit_code list_jobs(session& s, job_query query) {
  auto& node = s.connect();
  auto page = node.ask<job_page>(node.node().queues, std::move(query));
  if (s.json()) {
    print_line("{\"jobs\":" + json_array(page.jobs, [](const job& x) { return status_json(x, {}); })
               + ",\"total\":" + std::to_string(page.total) + "}");
    return exit_code::ok;
  }
  if (s.form() == output::name) {
    for (auto& x : page.jobs)
      print_line("job/" + x.id.str());
    return exit_code::ok;
  }
  std::vector<std::string> headers{"NAME", "KIND", "STATUS", "PROGRESS", "STAGE", "AGE"};
  if (s.wide())
    headers = {"NAME", "KIND", "QUEUE", "STATUS", "PROGRESS", "STAGE", "ATTEMPTS", "WORKER", "ERROR", "AGE"};
  table t{headers};
  for (auto& x : page.jobs) {
    auto percent =
      std::to_string(static_cast<int>((x.state == job_state::completed ? 1 : x.progress.fraction) * 100)) + "%";
    auto age = format_age(x.created, now());
    std::string state{to_string(shown_state(x))};
    if (s.wide())
      t.row({x.id.str(), x.spec.kind, x.spec.queue, state, percent, x.progress.stage,
             std::to_string(x.failures) + "/" + std::to_string(x.spec.retry.max_attempts), x.worker_name,
             short_error(x), age});
    else
      t.row({x.id.str(), x.spec.kind, state, percent, x.progress.stage, age});
  }
  print_table(s, t, "no jobs");
  if (page.total > page.jobs.size())
    std::fprintf(stderr, "%zu of %llu; more with --page and --limit\n", page.jobs.size(),
                 static_cast<unsigned long long>(page.total));
  return exit_code::ok;
}

mesh::job_with_children fetch(session& s, const std::string& id) {
  auto& node = s.connect();
  return node.ask<mesh::job_with_children>(node.node().jobs, mesh::get_job{parse_id<job_id>(id, "job")});
}

void print_fields(const std::vector<std::pair<std::string, std::string>>& rows) {
  for (auto& [name, value] : rows)
    if (!value.empty())
      print_line(name + ":" + std::string(name.size() < 14 ? 14 - name.size() : 1, ' ') + printable(value));
}

/// What the jobs do that it has handed its work to, or that belong to it otherwise.
void print_parts(session& s, const mesh::job_with_children& of) {
  if (of.children.empty())
    return;
  table t{{"PART", "KIND", "NODE", "STATUS", "PROGRESS", "TOOK"}};
  for (size_t i = 0; i < std::min(of.children.size(), most_parts); ++i) {
    auto x = find_job(s, of.children[i]);
    if (!x)
      continue;
    auto& part = x->item;
    auto end = is_set(part.finished) ? part.finished : now();
    auto done = part.state == job_state::completed ? 1.0 : part.progress.fraction;
    // One that waits again has left the node that began it.
    const auto state = shown_state(part);
    const bool begun = state == job_state::running || is_terminal(state);
    t.row({part.id.str(), part.spec.kind, begun ? part.worker_name : "", std::string{to_string(state)},
           std::to_string(static_cast<int>(done * 100)) + "%",
           begun && is_set(part.started) ? format_duration(end - part.started) : ""});
  }
  print_table(s, t, "its parts were removed");
  if (of.children.size() > most_parts)
    print_line("and " + std::to_string(of.children.size() - most_parts) + " more");
}

exit_code show_job(session& s, const std::string& id) {
  auto view = fetch(s, id);
  auto& x = view.item;
  if (s.json()) {
    print_line(detail_json(x, view.children));
    return exit_code::ok;
  }
  print_fields({{"Name", x.id.str()},
                {"Kind", x.spec.kind},
                {"Queue", x.spec.queue + ", priority " + std::to_string(x.spec.priority)},
                {"Status", std::string{to_string(shown_state(x))} + (x.cancel_requested ? " (cancelling)" : "")},
                {"Progress", progress_text(x.progress.fraction, x.progress.stage, progress_detail(x.progress))},
                {"Payload", x.spec.payload},
                {"Result", x.result},
                {"Error", short_error(x)},
                {"Attempts", std::to_string(x.failures) + " burnt of " + std::to_string(x.spec.retry.max_attempts)
                               + ", " + std::to_string(x.interruptions) + " interrupted"},
                {"Worker", x.worker_name},
                {"Request", x.spec.request_id},
                {"Created", to_iso8601(x.created)},
                {"Started", to_iso8601(x.started)},
                {"Finished", to_iso8601(x.finished)},
                {"Runs at", to_iso8601(x.run_at)},
                {"Children", view.children.empty() ? "" : std::to_string(view.children.size())}});
  for (auto& a : x.attempts)
    print_line("  attempt " + std::to_string(a.number) + " on " + printable(a.worker) + ": "
               + std::string{to_string(a.end)} + " after " + format_duration(a.ended - a.started)
               + (a.failure.code == errc::none ? "" : ": " + printable(a.failure.message)));
  print_parts(s, view);
  return exit_code::ok;
}

exit_code explain(session& s, const std::string& id) {
  auto& node = s.connect();
  auto x = node.ask<mesh::job_explanation>(node.node().jobs, mesh::explain_job{parse_id<job_id>(id, "job")});
  if (s.json()) {
    object_writer out;
    out.text("status", to_string(x.state)).raw("reasons", encode(x.reasons));
    print_line(std::move(out).str());
    return exit_code::ok;
  }
  print_line(to_string(x.state));
  for (auto& reason : x.reasons)
    print_line("- " + printable(reason));
  return exit_code::ok;
}

exit_code watch_all(session& s) {
  return stay_with(s, [&s](auto& seen) -> exit_code {
    auto events = s.connect().follow({"jobs"});
    seen();
    for (;;)
      for (auto& e : events->pop(std::chrono::hours{1})) {
        print_line(s.json() ? to_json(e) : event_line(e));
        std::fflush(stdout);
      }
  });
}

} // namespace

void add_job_commands(CLI::App& app, session& s) {
  auto* jobs = app.add_subcommand("jobs", "Jobs: list, look into, watch and steer them");
  jobs->require_subcommand(1);
  jobs->footer("Examples:\n"
               "  troupe jobs ls --status running,queued\n"
               "  troupe jobs watch 01jd2…            until it ends; exit status 4 when it fails\n"
               "  troupe jobs explain 01jd2…          why it is not running\n"
               "  troupe jobs log 01jd2…              what ran where, parts on other nodes, too\n"
               "  troupe jobs ls -o name --status failed | xargs -n1 troupe jobs retry");

  auto* ls = jobs->add_subcommand("ls", "List jobs, newest first");
  auto query = std::make_shared<job_query>();
  query->parts = false;
  auto parent = std::make_shared<std::string>();
  ls->add_option("--status", query->status, "Only these, comma separated: waiting, delayed, queued, running, …");
  ls->add_option("--kind", query->kind, "Only this kind (ingest, transcode, …)");
  ls->add_option("--queue", query->queue, "Only this queue");
  ls->add_option("--parent", *parent, "Only what this job has made");
  ls->add_flag("--all", query->parts, "The parts of transcodes, too; --kind and --parent ask for them as well");
  ls->add_flag("--history", query->history, "Archived jobs, too");
  ls->add_option("--page", query->page, "Page, from 1")->check(CLI::Range(1, 1'000'000));
  ls->add_option("--limit", query->limit, "Jobs a page")->check(CLI::Range(1, 100));
  ls->callback([&s, query, parent] {
    s.action = [&s, query, parent] {
      if (!parent->empty())
        query->parent = parse_id<job_id>(*parent, "job");
      return list_jobs(s, *query);
    };
  });

  auto with_id = [&](const char* name, const char* about, exit_code (*run)(session&, const std::string&)) {
    auto* sub = jobs->add_subcommand(name, about);
    auto id = std::make_shared<std::string>();
    sub->add_option("JOB", *id, "Id of the job")->required();
    sub->callback([&s, id, run] { s.action = [&s, id, run] { return run(s, *id); }; });
  };
  with_id("show", "All about one job", show_job);
  with_id("log", "What its attempts and those of its parts ran and logged, on which node", show_job_log);
  with_id("explain", "Why it is not running", explain);

  auto* watch = jobs->add_subcommand("watch", "Follow one job live to its end, or all of them");
  auto watched = std::make_shared<std::string>();
  watch->add_option("JOB", *watched, "Id of the job; without it all jobs, until Ctrl-C");
  watch->callback([&s, watched] {
    s.action = [&s, watched] {
      return watched->empty() ? watch_all(s) : watch_job(s, parse_id<job_id>(*watched, "job"));
    };
  });
  add_job_actions(*jobs, s);
}

} // namespace troupe::cli
