#include "nodes/troupe/ingest.hpp"
#include "nodes/troupe/watch.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>

namespace troupe::cli {

namespace {

std::vector<library> libraries(session& s) {
  auto& node = s.connect();
  return node.ask<mesh::library_list>(node.node().librarian, mesh::get_libraries{}).libraries;
}

exit_code list(session& s) {
  auto all = libraries(s);
  if (s.json()) {
    print_line("{\"libraries\":" + json_array(all, [](const library& x) { return outward_json(x); }) + "}");
    return exit_code::ok;
  }
  table t{{"NAME", "ID", "CATEGORY", "ROOT", "AGE"}};
  for (auto& x : all) {
    if (s.form() == output::name)
      print_line("library/" + x.id.str());
    else
      t.row({x.name, x.id.str(), x.category, x.root, format_age(x.created, system_clocks{}.wall())});
  }
  if (s.form() != output::name)
    print_table(s, t, "no libraries; add one with: troupe library add FOLDER");
  return exit_code::ok;
}

/// By id, name or folder.
library find(session& s, std::string text) {
  if (text.starts_with("library/"))
    text.erase(0, 8);
  std::error_code ec;
  auto path = std::filesystem::weakly_canonical(text, ec).string();
  for (auto& x : libraries(s))
    if (x.id.str() == text || x.name == text || (!ec && x.root == path))
      return x;
  throw failure(exit_code::not_found, "no library '" + printable(text) + "'; 'troupe library ls' lists them");
}

exit_code scan(session& s, const std::string& which, bool wait) {
  auto home = find(s, which);
  if (wait)
    return scan_and_follow(s, home);
  auto& node = s.connect();
  auto x = node.ask<troupe::scan>(node.node().librarian, mesh::scan_library{home.id, {}, {}});
  print_line(s.json() ? outward_json(x)
                      : "scan/" + x.id.str() + " started; follow it with: troupe jobs watch " + x.job);
  return exit_code::ok;
}

exit_code remove(session& s, const std::string& which) {
  auto home = find(s, which);
  auto& node = s.connect();
  node.ask<mesh::done>(node.node().librarian, mesh::remove_library{home.id});
  print_line("library/" + home.id.str() + " removed; the folder is as it was");
  return exit_code::ok;
}

} // namespace

void add_library_commands(CLI::App& app, session& s) {
  auto* lib = app.add_subcommand("library", "Libraries: folders with videos");
  lib->require_subcommand(1);
  lib->footer("Examples:\n"
              "  troupe library ingest ~/Videos       add it, scan it, follow all work, print what came of it\n"
              "  troupe library add /srv/films --name Films --category movies\n"
              "  troupe library scan Films --wait");

  auto* add = lib->add_subcommand("add", "Add a folder");
  auto what = std::make_shared<library>();
  add->add_option("FOLDER", what->root, "The folder")->required();
  add->add_option("--name", what->name, "Name; the folder's own by default");
  add->add_option("--category", what->category, "Category of its videos");
  add->callback([&s, what] {
    s.action = [&s, what] {
      auto x = add_library(s, *what);
      print_line(s.json() ? outward_json(x)
                          : "library/" + x.id.str() + " added; scan it with: troupe library scan " + x.id.str());
      return exit_code::ok;
    };
  });
  auto* ingest = lib->add_subcommand("ingest", "Add a folder if needed, scan it, follow the work to its end");
  auto folder = std::make_shared<library>();
  ingest->add_option("FOLDER", folder->root, "The folder")->required();
  ingest->add_option("--name", folder->name, "Name; the folder's own by default");
  ingest->add_option("--category", folder->category, "Category of its videos");
  ingest->callback(
    [&s, folder] { s.action = [&s, folder] { return scan_and_follow(s, ensure_library(s, *folder)); }; });

  lib->add_subcommand("ls", "List them")->callback([&s] { s.action = [&s] { return list(s); }; });
  auto which = std::make_shared<std::string>();
  auto wait = std::make_shared<bool>(false);
  auto* scan_cmd = lib->add_subcommand("scan", "Look for new, changed and missing files");
  scan_cmd->add_option("LIBRARY", *which, "Id, name or folder")->required();
  scan_cmd->add_flag("--wait", *wait, "Follow it to its end");
  scan_cmd->callback([&s, which, wait] { s.action = [&s, which, wait] { return scan(s, *which, *wait); }; });
  auto* rm = lib->add_subcommand("rm", "Remove a library; no file of the folder is touched");
  rm->add_option("LIBRARY", *which, "Id, name or folder")->required();
  rm->callback([&s, which] { s.action = [&s, which] { return remove(s, *which); }; });
}

} // namespace troupe::cli
