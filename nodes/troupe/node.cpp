#include "nodes/troupe/connection.hpp"
#include "nodes/troupe/terminal.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cli {

namespace {

std::string joined(const std::vector<std::string>& xs) {
  std::string out;
  for (auto& x : xs)
    out += (out.empty() ? "" : ",") + x;
  return out;
}

std::string colored(health_status x) {
  std::string text{to_string(x)};
  if (!use_color() || x == health_status::disabled)
    return text;
  return (x == health_status::healthy    ? "\x1b[32m"
          : x == health_status::degraded ? "\x1b[33m"
                                         : "\x1b[31m")
         + text + "\x1b[0m";
}

std::string status_json(const mesh::node_status& x, const health_report& health) {
  object_writer out;
  out.text("node", x.node_name).text("version", x.version).raw("roles", encode(x.roles));
  out.text("dataFolder", x.data_folder).text("apiUrl", x.api_url).text("database", x.database).number("term", x.term);
  out.number("uptime", static_cast<double>(x.uptime.count()) / 1000).number("pid", x.pid);
  return std::move(out.raw("health", outward_json(health))).str();
}

exit_code status(session& s) {
  auto& node = s.connect();
  auto x = node.ask<mesh::node_status>(node.node().node, mesh::get_status{});
  auto health = node.ask<health_report>(node.node().health, mesh::get_health{});
  if (s.json()) {
    print_line(status_json(x, health));
    return exit_code::ok;
  }
  print_line("Node:      " + printable(x.node_name) + " (" + joined(x.roles) + "), version " + x.version + ", pid "
             + std::to_string(x.pid));
  print_line("Up:        " + format_duration(x.uptime) + ", term " + std::to_string(x.term));
  print_line("API:       " + x.api_url);
  print_line("Data:      " + printable(x.data_folder));
  print_line("Database:  " + printable(x.database));
  print_line("Health:    " + colored(health.status));
  for (auto& check : health.checks)
    print_line("  " + check.name + std::string(check.name.size() < 12 ? 12 - check.name.size() : 1, ' ')
               + colored(check.status) + (check.version.empty() ? "" : "  " + printable(check.version))
               + (check.problem.empty() ? "" : "  " + printable(check.problem)));
  return exit_code::ok;
}

exit_code tree(session& s) {
  auto& node = s.connect();
  auto nodes = node.ask<mesh::tree>(node.node().root, mesh::get_tree{}).nodes;
  if (s.json()) {
    print_line(outward_json(nodes));
    return exit_code::ok;
  }
  table t{{"NAME", "STATE", "RESTARTS", "UP", "POLICY", "LAST-ERROR"}};
  for (auto& x : nodes)
    t.row({std::string(2 * x.depth, ' ') + x.name, x.state, std::to_string(x.restarts), format_duration(x.uptime),
           x.policy, x.last_error});
  print_table(s, t, "nothing is supervised");
  return exit_code::ok;
}

exit_code workers(session& s) {
  auto& node = s.connect();
  auto all = node.ask<mesh::worker_list>(node.node().queues, mesh::get_workers{}).workers;
  if (s.json()) {
    print_line("{\"workers\":" + json_array(all, [](const worker_info& x) { return outward_json(x); }) + "}");
    return exit_code::ok;
  }
  table t{{"NAME", "NODE", "WHERE", "RUNNING", "SLOTS", "SILENT", "AGE", "PROBLEMS"}};
  for (auto& x : all) {
    std::string slots;
    for (auto& c : x.credit)
      slots += (slots.empty() ? "" : ",") + c.queue + ":" + std::to_string(c.slots);
    if (s.form() == output::name)
      print_line("worker/" + x.id.str());
    else
      t.row({x.id.str(), x.node_name, x.embedded ? "embedded" : "remote", std::to_string(x.running.size()), slots,
             format_duration(x.silent), format_age(x.joined, system_clocks{}.wall()),
             std::to_string(x.problems.size())});
  }
  if (s.form() == output::name)
    return exit_code::ok;
  print_table(s, t, "no workers; start one with: trouped --set node.roles=worker --set mesh.coordinator=HOST:PORT");
  for (auto& x : all)
    for (auto& problem : x.problems)
      print_line(printable(x.node_name + ": " + problem));
  return exit_code::ok;
}

} // namespace

void add_node_commands(CLI::App& app, session& s) {
  app.add_subcommand("status", "The node, and its health")->callback([&s] { s.action = [&s] { return status(s); }; });
  app.add_subcommand("tree", "Supervisors and what they watch over")->callback([&s] {
    s.action = [&s] { return tree(s); };
  });
  app.add_subcommand("workers", "Connected workers")->callback([&s] { s.action = [&s] { return workers(s); }; });
}

} // namespace troupe::cli
