#include "nodes/troupe/connection.hpp"
#include "nodes/troupe/node_view.hpp"
#include "nodes/troupe/terminal.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

#include <charconv>

namespace troupe::cli {

namespace {

/// Jobs that `show` looks into.
constexpr size_t most_shown_jobs = 20;

timestamp now() {
  return system_clocks{}.wall();
}

std::vector<node_details> fetch(session& s) {
  auto& node = s.connect();
  return node.ask<mesh::node_list>(node.node().nodes, mesh::get_nodes{}).nodes;
}

std::vector<library> libraries(session& s) {
  auto& node = s.connect();
  return node.ask<mesh::library_list>(node.node().librarian, mesh::get_libraries{}).libraries;
}

const node_details& pick(const std::vector<node_details>& all, const std::string& name) {
  std::string names;
  for (auto& x : all) {
    if (x.rules.name == name)
      return x;
    names += (names.empty() ? "" : ", ") + printable(x.rules.name);
  }
  throw failure(exit_code::not_found, "there is no node '" + printable(name) + "'; "
                                        + (names.empty() ? "none is here" : "there are " + names));
}

exit_code print(session& s, const std::vector<node_details>& nodes, const std::vector<refused_peer>& refused) {
  if (s.json()) {
    print_line("{\"nodes\":" + json_array(nodes, [](auto& x) { return outward_json(x); })
               + ",\"refused\":" + json_array(refused, [](auto& x) { return outward_json(x); }) + "}");
    return exit_code::ok;
  }
  if (s.form() == output::name) {
    for (auto& x : nodes)
      print_line("node/" + printable(x.rules.name));
    return exit_code::ok;
  }
  auto width = s.wide() ? 0 : terminal_width();
  if (nodes.empty())
    std::fputs("no nodes; start a worker with: trouped --set node.roles=worker --set mesh.coordinator=HOST:PORT\n",
               stderr);
  else
    std::fputs(nodes_text(nodes, libraries(s), width).c_str(), stdout);
  if (!refused.empty())
    std::printf("\n%s", refused_text(refused, now(), width).c_str());
  return exit_code::ok;
}

exit_code list(session& s) {
  auto& node = s.connect();
  auto refused = node.ask<mesh::refusal_list>(node.node().node, mesh::get_refusals{}).peers;
  return print(s, fetch(s), refused);
}

void print_jobs(session& s, const std::vector<job_id>& ids) {
  auto& node = s.connect();
  for (size_t i = 0; i < std::min(ids.size(), most_shown_jobs); ++i) {
    try {
      auto x = node.ask<mesh::job_with_children>(node.node().jobs, mesh::get_job{ids[i]}).item;
      print_line("  runs " + x.id.str() + " " + printable(x.spec.kind) + ", attempt " + std::to_string(x.attempt) + ": "
                 + progress_text(x.progress.fraction, x.progress.stage, printable(x.progress.message)));
    } catch (const failure& gone) {
      // It may have been removed since.
      if (gone.status() != exit_code::not_found)
        throw;
    }
  }
  if (ids.size() > most_shown_jobs)
    print_line("  and " + std::to_string(ids.size() - most_shown_jobs) + " more");
}

exit_code show(session& s, const std::string& name) {
  auto all = fetch(s);
  auto& x = pick(all, name);
  if (s.json()) {
    print_line(outward_json(x));
    return exit_code::ok;
  }
  for (auto& [field, value] : node_fields(x, libraries(s), now()))
    if (!value.empty())
      print_line(field + ":" + std::string(field.size() < 14 ? 14 - field.size() : 1, ' ') + printable(value));
  for (auto& problem : x.problems)
    print_line("  problem: " + printable(problem));
  if (auto links = links_text(x, s.wide() ? 0 : terminal_width()); !links.empty())
    print_line("Links:\n" + links.substr(0, links.size() - 1));
  for (auto& e : x.evidence)
    print_line("  " + to_iso8601(e.at) + " " + printable(e.kind) + " " + e.job.str() + " failed here, done by "
               + printable(e.done_by) + ": " + printable(e.error));
  print_jobs(s, x.jobs);
  return exit_code::ok;
}

exit_code change(session& s, const mesh::change_node& what) {
  // The coordinator keeps rules for any name; a slip of the pen is no node.
  pick(fetch(s), what.name);
  auto& node = s.connect();
  auto after = node.ask<mesh::node_list>(node.node().nodes, mesh::change_node{what}).nodes;
  return print(s, {pick(after, what.name)}, {});
}

/// "video=2", "video=offered"
void read_slots(const std::vector<std::string>& texts, mesh::change_node& out) {
  for (auto& text : texts) {
    auto at = text.find('=');
    auto value = at == std::string::npos ? std::string{} : text.substr(at + 1);
    uint32_t n = 0;
    auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), n);
    auto number = bad == std::errc{} && end == value.data() + value.size() && !value.empty();
    if (at == 0 || (!number && value != "offered"))
      throw CLI::ValidationError("--slots " + text
                                 + ": write QUEUE=N, or QUEUE=offered for as many as its workers offer");
    out.slots[text.substr(0, at)] = number ? int64_t{n} : -1;
  }
}

/// Ranges with ";" between, or "always".
void read_hours(const std::string& text, mesh::change_node& out) {
  out.set_hours = true;
  if (text == "always")
    return;
  std::string_view rest = text;
  while (!rest.empty()) {
    auto end = std::min(rest.find(';'), rest.size());
    auto range = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    range.remove_prefix(std::min(range.find_first_not_of(' '), range.size()));
    auto hours = parse_hours(range);
    if (!hours)
      throw CLI::ValidationError("--hours: " + hours.error().message);
    out.hours.push_back(*hours);
  }
  if (out.hours.empty())
    throw CLI::ValidationError("--hours: give a time of the week, or 'always'");
}

void add_set(CLI::App& nodes, session& s) {
  auto* set = nodes.add_subcommand("set", "Change its slots, weight or hours, from now on");
  auto what = std::make_shared<mesh::change_node>();
  auto slots = std::make_shared<std::vector<std::string>>();
  auto hours = std::make_shared<std::string>();
  set->add_option("NAME", what->name, "The node")->required();
  set->add_option("--slots", *slots, "QUEUE=N for each of its workers, or QUEUE=offered; several times")
    ->allow_extra_args(false);
  set
    ->add_option("--weight", what->weight,
                 "How much of its speed counts when work is placed, percent; 100 is all of it")
    ->check(CLI::Range(1, 10'000));
  set->add_option("--hours", *hours,
                  "When it works, in the coordinator's time: \"mon-fri 22:00-06:00; sat,sun\", or always");
  set->footer("Examples:\n  troupe nodes set nas-2 --slots video=2 --slots images=offered\n"
              "  troupe nodes set office --hours \"mon-fri 19:00-07:00; sat,sun\" --weight 50\n"
              "  troupe nodes set office --hours always");
  set->callback([&s, what, slots, hours] {
    read_slots(*slots, *what);
    if (!hours->empty())
      read_hours(*hours, *what);
    if (what->slots.empty() && what->weight < 0 && !what->set_hours)
      throw CLI::ValidationError("give --slots, --weight, --hours or several of them");
    s.action = [&s, what] { return change(s, *what); };
  });
}

} // namespace

void add_nodes_commands(CLI::App& app, session& s) {
  auto* nodes = app.add_subcommand("nodes", "Nodes of the cluster: list, look into, drain, quarantine, set");
  nodes->require_subcommand(0, 1);
  nodes->footer(
    "A node is known by its node.name. What is said of it is kept, also while it is away, and holds at once.\n"
    "States: active; draining (what runs goes on, nothing new); quarantined (it failed what others then\n"
    "did, or somebody said so; by its score it is probed and comes back by itself); closed (outside of\n"
    "its hours); away (no worker of it is connected).\n"
    "Received and sent: bytes of files between nodes since their processes began; only with certificates,\n"
    "without which nodes have no names to each other. A gateway is listed, too; it runs no jobs.\n"
    "Where housekeeping: a coordinator without the role worker; it cleans up and does no other work.\n"
    "Below the list: peers that were not let in, and why.\n\n"
    "Examples:\n  troupe nodes\n  troupe nodes show nas-2\n"
    "  troupe nodes drain nas-2 --reason \"a new disk\"\n  troupe nodes undrain nas-2\n"
    "  troupe nodes set nas-2 --slots video=2 --weight 50 --hours \"mon-fri 22:00-06:00\"\n"
    "  troupe nodes -o json | jq '.nodes[] | select(.open | not) | .closed'");
  nodes->callback([&s, nodes] {
    if (nodes->get_subcommands().empty())
      s.action = [&s] { return list(s); };
  });
  for (auto name : {"list", "ls"})
    nodes->add_subcommand(name, "List them, and who was refused lately")->callback([&s] {
      s.action = [&s] { return list(s); };
    });
  auto* look = nodes->add_subcommand("show", "All about one: rules, speeds, what it runs, the evidence against it");
  auto name = std::make_shared<std::string>();
  look->add_option("NAME", *name, "The node")->required();
  look->callback([&s, name] { s.action = [&s, name] { return show(s, *name); }; });
  auto act = [&](const char* verb, const char* about, mesh::node_action action) {
    auto* sub = nodes->add_subcommand(verb, about);
    auto what = std::make_shared<mesh::change_node>();
    what->action = action;
    sub->add_option("NAME", what->name, "The node")->required();
    sub->add_option("--reason", what->reason, "Shown to people");
    sub->callback([&s, what] { s.action = [&s, what] { return change(s, *what); }; });
  };
  act("drain", "No new work for it; what runs goes on", mesh::node_action::drain);
  act("undrain", "It gets work again, whatever it was kept from it for; the same as unquarantine",
      mesh::node_action::undrain);
  act("quarantine", "No new work for it until somebody lifts it", mesh::node_action::quarantine);
  act("unquarantine", "It gets work again, and what it failed is forgotten", mesh::node_action::undrain);
  add_set(*nodes, s);
}

} // namespace troupe::cli
