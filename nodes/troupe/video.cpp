#include "nodes/troupe/make.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cli {

namespace {

exit_code list(session& s, const video_query& query) {
  auto& node = s.connect();
  auto page = node.ask<video_page>(node.node().catalogue, query);
  if (s.json()) {
    print_line("{\"videos\":" + json_array(page.videos, [](const video& x) { return outward_json(x); })
               + ",\"total\":" + std::to_string(page.total) + "}");
    return exit_code::ok;
  }
  table t{s.wide() ? std::vector<std::string>{"NAME", "TITLE", "STATUS", "LENGTH", "SIZE", "PICTURE", "VIDEO", "AUDIO",
                                              "CATEGORY", "PATH", "AGE"}
                   : std::vector<std::string>{"NAME", "TITLE", "STATUS", "LENGTH", "SIZE", "AGE"}};
  for (auto& x : page.videos) {
    std::string state{to_string(x.state)};
    auto age = format_age(x.created, system_clocks{}.wall());
    if (s.form() == output::name)
      print_line("video/" + x.id.str());
    else if (s.wide())
      t.row({x.id.str(), x.title, state, format_length(x.duration), format_bytes(x.version.size),
             x.width == 0 ? "" : std::to_string(x.width) + "x" + std::to_string(x.height), x.video_codec, x.audio_codec,
             x.category, x.path, age});
    else
      t.row({x.id.str(), x.title, state, format_length(x.duration), format_bytes(x.version.size), age});
  }
  if (s.form() != output::name)
    print_table(s, t, "no videos; add a folder with: troupe library ingest FOLDER");
  if (page.total > page.videos.size())
    std::fprintf(stderr, "%zu of %llu; more with --page and --limit\n", page.videos.size(),
                 static_cast<unsigned long long>(page.total));
  return exit_code::ok;
}

exit_code show(session& s, const std::string& which) {
  auto& node = s.connect();
  auto x = node.ask<video_detail>(node.node().catalogue, mesh::get_video{find_video(s, which)});
  if (s.json()) {
    print_line(outward_json(x));
    return exit_code::ok;
  }
  auto& v = x.item;
  auto line = [](std::string_view name, const std::string& value) {
    if (!value.empty())
      print_line(std::string{name} + ":" + std::string(12 - name.size(), ' ') + printable(value));
  };
  line("Name", v.id.str());
  line("Title", v.title);
  line("Status", std::string{to_string(v.state)});
  line("Error", v.problem.code == errc::none ? "" : v.problem.message);
  line("Library", x.home.name);
  line("Path", v.path);
  line("Category", v.category);
  line("Length", format_length(v.duration));
  line("Size", format_bytes(v.version.size));
  line("Picture", v.width == 0 ? "" : std::to_string(v.width) + "x" + std::to_string(v.height));
  line("Codecs", v.video_codec + (v.audio_codec.empty() ? "" : " + " + v.audio_codec));
  line("Container", v.container);
  line("Thumbnails", std::to_string(v.thumbnails.size()));
  if (auto& b = x.board; b.exists()) {
    line("Storyboard", std::to_string(b.count) + " pictures, " + format_duration(b.interval) + " apart, "
                         + format_bytes(b.bytes) + (b.bif ? ", with BIF" : "") + " by job/" + b.made_by);
    auto status = node.ask<mesh::node_status>(node.node().node, mesh::get_status{});
    line("Trickplay", b.jellyfin ? status.data_folder + "/" + b.folder : "");
  }
  for (auto& r : x.renditions)
    line("Rendition", r.profile + ", " + format_bytes(r.size) + ", " + r.container + " by job/" + r.made_by);
  return exit_code::ok;
}

} // namespace

video_id find_video(session& s, std::string text) {
  if (text.starts_with("video/"))
    text.erase(0, 6);
  if (auto id = video_id::parse(text))
    return *id;
  auto& node = s.connect();
  video_query query;
  query.search = text;
  auto page = node.ask<video_page>(node.node().catalogue, query);
  if (page.total == 1)
    return page.videos.at(0).id;
  if (page.total == 0)
    throw failure(exit_code::not_found, "no video '" + printable(text) + "'; 'troupe video ls' lists them");
  auto message = "'" + printable(text) + "' fits " + std::to_string(page.total) + " videos; name one by its id:";
  for (size_t i = 0; i < std::min<size_t>(5, page.videos.size()); ++i)
    message += "\n  " + page.videos[i].id.str() + "  " + printable(page.videos[i].title);
  throw failure(exit_code::usage, message);
}

void add_video_commands(CLI::App& app, session& s) {
  auto* videos = app.add_subcommand("video", "Videos: list, look into, have something made of them, remove");
  videos->require_subcommand(1);
  auto query = std::make_shared<video_query>();
  auto* ls = videos->add_subcommand("ls", "List videos");
  ls->add_option("--search", query->search, "Words of the title or path");
  ls->add_option("--category", query->category, "Only this category");
  ls->add_option("--state", query->state, "pending, ready, failed, missing or removed");
  ls->add_option("--sort", query->sort, "title, created, duration or size; -size turns it round");
  ls->add_option("--page", query->page, "Page, from 1")->check(CLI::Range(1, 1'000'000));
  ls->add_option("--limit", query->limit, "Videos a page")->check(CLI::Range(1, 100));
  ls->callback([&s, query] { s.action = [&s, query] { return list(s, *query); }; });

  auto which = std::make_shared<std::string>();
  auto* show_cmd = videos->add_subcommand("show", "All about one video");
  show_cmd->add_option("VIDEO", *which, "Id, or words that only its title or path has")->required();
  show_cmd->callback([&s, which] { s.action = [&s, which] { return show(s, *which); }; });

  auto with_file = std::make_shared<bool>(false);
  auto* rm = videos->add_subcommand("rm", "Take a video out of the catalogue; a scan does not bring it back");
  rm->add_option("VIDEO", *which, "Id, or words that only its title or path has")->required();
  rm->add_flag("--delete-file", *with_file, "Delete the original file, too");
  rm->callback([&s, which, with_file] {
    s.action = [&s, which, with_file] {
      auto id = find_video(s, *which);
      auto& node = s.connect();
      node.ask<mesh::done>(node.node().librarian, mesh::remove_video{id, *with_file});
      print_line("video/" + id.str() + " removed" + (*with_file ? " with its file" : "; its file is as it was"));
      return exit_code::ok;
    };
  });

  add_make_commands(app, *videos, s);
}

} // namespace troupe::cli
