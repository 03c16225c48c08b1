#include "nodes/troupe/connection.hpp"
#include "nodes/troupe/node_view.hpp"
#include "nodes/troupe/terminal.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>

namespace troupe::cli {

namespace {

using std::chrono::steady_clock;

/// Jobs whose present progress is asked for.
constexpr size_t most_jobs = 50;
constexpr milliseconds look_at_keys{200};
constexpr std::chrono::seconds at_least{1};

/// Live progress is in the dispatcher's memory only.
std::vector<job> as_they_are_now(session& s, const std::vector<job>& listed) {
  auto& node = s.connect();
  std::vector<job> out;
  for (auto& x : listed) {
    try {
      auto item = node.ask<mesh::job_with_children>(node.node().jobs, mesh::get_job{x.id}).item;
      if (shown_state(item) == job_state::running)
        out.push_back(std::move(item));
    } catch (const failure& gone) {
      // Removed since it was listed.
      if (gone.status() != exit_code::not_found)
        throw;
    }
  }
  return out;
}

cluster_view look(session& s) {
  auto& node = s.connect();
  cluster_view out;
  out.nodes = node.ask<mesh::node_list>(node.node().nodes, mesh::get_nodes{}).nodes;
  out.libraries = node.ask<mesh::library_list>(node.node().librarian, mesh::get_libraries{}).libraries;
  out.queues = node.ask<mesh::queue_list>(node.node().queues, mesh::get_queues{}).queues;
  job_query query;
  query.status = "running";
  query.limit = most_jobs;
  auto page = node.ask<job_page>(node.node().queues, query);
  out.jobs = as_they_are_now(s, page.jobs);
  out.running = std::max<uint64_t>(page.total - (page.jobs.size() - out.jobs.size()), out.jobs.size());
  return out;
}

exit_code print_once(session& s) {
  auto x = look(s);
  if (s.json()) {
    object_writer out;
    out.raw("nodes", json_array(x.nodes, [](auto& n) { return outward_json(n); }));
    out.raw("queues", json_array(x.queues, [](auto& q) { return outward_json(q); }));
    out.raw("jobs", json_array(x.jobs, [](auto& j) { return status_json(j, {}); })).number("running", x.running);
    print_line(std::move(out).str());
    return exit_code::ok;
  }
  for (auto& line : top_lines(x, system_clocks{}.wall(), s.wide() ? 0 : terminal_width(), 0, use_color()))
    print_line(line);
  return exit_code::ok;
}

exit_code live(session& s, const std::function<void()>& seen) {
  auto events = s.connect().follow({"jobs", std::string{nodes_topic}});
  auto first = look(s);
  seen();
  full_screen screen;
  link_meter meter;
  auto show = [&](cluster_view x) {
    x.rates = meter.look(x.nodes, system_clocks{}.mono());
    // One line is left for the cursor.
    auto height = std::max<size_t>(terminal_height(), 2) - 1;
    screen.show(top_lines(x, system_clocks{}.wall(), terminal_width(), height, use_color()));
  };
  show(first);
  auto shown = steady_clock::now();
  while (!screen.wait_for_end(look_at_keys)) {
    if (events->pop(milliseconds{0}).empty() && steady_clock::now() - shown < at_least)
      continue;
    try {
      show(look(s));
    } catch (const failure&) {
      // Who has asked for the end meanwhile does not wait for the coordinator to come back.
      if (screen.wait_for_end(milliseconds{0}))
        return exit_code::ok;
      throw;
    }
    shown = steady_clock::now();
  }
  return exit_code::ok;
}

exit_code top(session& s) {
  if (s.form() != output::table || !use_live_lines())
    return print_once(s);
  return stay_with(s, [&s](auto& seen) { return live(s, seen); });
}

} // namespace

void add_top_command(CLI::App& app, session& s) {
  auto* sub = app.add_subcommand("top", "The cluster live: nodes, queues and what runs; q or Ctrl-C ends it");
  sub->footer(
    "Nodes with their slots, speed and what goes over their links, queues with depth and age, running jobs with\n"
    "progress, speed and what is left. Without a terminal, or with -o json, it is printed once.");
  sub->callback([&s] { s.action = [&s] { return top(s); }; });
}

} // namespace troupe::cli
