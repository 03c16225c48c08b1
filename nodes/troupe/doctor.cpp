// Looks for what keeps trouped from working on this machine. Each check is a line: ok, warn or FAIL, and what to do.

#include "nodes/config/load.hpp"
#include "nodes/troupe/connection.hpp"
#include "nodes/troupe/doctor_checks.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cli {

namespace {

std::string_view word(verdict x) {
  return x == verdict::ok ? "ok" : x == verdict::warn ? "warn" : "FAIL";
}

/// Submits a job that does nothing and waits for its end by event.
finding check_round_trip(session& s) {
  auto& node = s.connect();
  auto start = std::chrono::steady_clock::now();
  job_spec spec;
  spec.kind = "noop";
  spec.id = job_id{random_id()};
  auto id = spec.id;
  auto events = node.follow({"job:" + id.str()});
  node.ask<mesh::submitted>(node.node().jobs, mesh::submit_jobs{{std::move(spec)}});
  for (;;) {
    auto view = node.ask<mesh::job_with_children>(node.node().jobs, mesh::get_job{id});
    auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
    if (view.item.state == job_state::completed)
      return {"round trip", verdict::ok, "a job went through in " + format_duration(took)};
    if (is_terminal(view.item.state))
      return {"round trip", verdict::fail, "a job that does nothing ended " + std::string{to_string(view.item.state)}};
    if (took > std::chrono::seconds{10})
      return {"round trip", verdict::fail,
              "a job that does nothing is still " + std::string{to_string(view.item.state)}
                + " after 10s: troupe jobs explain " + id.str()};
    events->pop(std::chrono::seconds{10} - took + milliseconds{1});
  }
}

exit_code doctor(session& s, config::sources from) {
  std::vector<finding> out;
  from.environment = config::process_environment();
  auto settings = config::load(from);
  if (settings)
    out.push_back({"configuration", verdict::ok, from.file.empty() ? "defaults and environment" : from.file});
  else
    out.push_back({"configuration", verdict::fail, settings.error().message});
  auto x = settings ? *settings : config::settings{};
  bool answers = false;
  finding node{"trouped", verdict::ok, {}};
  try {
    auto& peer = s.connect();
    auto status = peer.ask<mesh::node_status>(peer.node().node, mesh::get_status{});
    answers = true;
    node.text = status.node_name + " " + status.version + " answers at " + s.node;
  } catch (const failure& err) {
    node.what = verdict::warn;
    node.text = err.what();
  }
  for (auto& f : check_machine(x, answers))
    out.push_back(std::move(f));
  for (auto& f : check_surroundings(x))
    out.push_back(std::move(f));
  out.push_back(node);
  if (answers) {
    try {
      out.push_back(check_round_trip(s));
    } catch (const failure& err) {
      out.push_back({"round trip", verdict::fail, err.what()});
    }
  }
  bool failed = false;
  for (auto& f : out)
    failed = failed || f.what == verdict::fail;
  if (s.json()) {
    print_line(json_array(out, [](const finding& f) {
      object_writer one;
      return std::move(one.text("name", f.name).text("verdict", word(f.what)).text("text", f.text)).str();
    }));
  } else {
    table t{{"CHECK", "RESULT", "WHAT"}};
    for (auto& f : out)
      t.row({f.name, std::string{word(f.what)}, f.text});
    std::fputs(t.render(0).c_str(), stdout);
  }
  return failed ? exit_code::failed : exit_code::ok;
}

} // namespace

void add_doctor_command(CLI::App& app, session& s) {
  auto* cmd = app.add_subcommand("doctor", "Find out why something does not work");
  auto from = std::make_shared<config::sources>();
  cmd->add_option("--config", from->file, "TOML file");
  cmd->add_option("--set", from->overrides, "section.key=value; several times");
  cmd->callback([&s, from] { s.action = [&s, from] { return doctor(s, *from); }; });
}

} // namespace troupe::cli
