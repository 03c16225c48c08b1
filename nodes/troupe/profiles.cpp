#include "nodes/troupe/make.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"
#include "protocol/model/profile_builder.hpp"

#include <CLI/CLI.hpp>

namespace troupe::cli {

namespace {

std::string size_of(const media_profile& x) {
  if (x.video_codec == "none")
    return "";
  if (makes_ladder(x))
    return std::to_string(x.ladder.size()) + " variants";
  if (x.max_width == 0 && x.max_height == 0)
    return "as it is";
  return std::to_string(x.max_width) + "x" + std::to_string(x.max_height);
}

/// As a person writes it.
struct shown : plain_field {
  using plain_field::operator();

  std::string operator()(std::string media_profile::*place) const {
    return x.*place;
  }
  std::string operator()(std::vector<ladder_rung> media_profile::*place) const {
    std::string out;
    for (auto& r : x.*place)
      out += (out.empty() ? "" : ", ") + std::to_string(r.max_width) + "x" + std::to_string(r.max_height) + " at "
             + std::to_string(r.video_bit_rate / 1000) + "k";
    return out;
  }
};

exit_code list(session& s) {
  auto profiles = known_profiles(s);
  if (s.json()) {
    print_line("{\"profiles\":" + json_array(profiles, [](const media_profile& x) { return encode(x); }) + "}");
    return exit_code::ok;
  }
  if (s.form() == output::name) {
    for (auto& x : profiles)
      print_line("profile/" + x.name);
    return exit_code::ok;
  }
  table t{s.wide() ? std::vector<std::string>{"NAME", "CONTAINER", "VIDEO", "PICTURE", "CRF", "PRESET", "AUDIO",
                                              "AUDIO RATE", "DESCRIPTION"}
                   : std::vector<std::string>{"NAME", "CONTAINER", "VIDEO", "PICTURE", "AUDIO", "DESCRIPTION"}};
  for (auto& x : profiles) {
    auto* container = find_container(x.container);
    auto name = container ? std::string{container->name} : x.container;
    if (s.wide())
      t.row({x.name, name, x.video_codec, size_of(x), std::to_string(x.crf), x.preset, x.audio_codec,
             std::to_string(x.audio_bit_rate), x.description});
    else
      t.row({x.name, name, x.video_codec, size_of(x), x.audio_codec, x.description});
  }
  print_table(s, t, "no profiles");
  return exit_code::ok;
}

exit_code show(session& s, std::string name) {
  if (name.starts_with("profile/"))
    name.erase(0, 8);
  auto profiles = known_profiles(s);
  auto* x = find_profile(profiles, name);
  if (!x)
    throw failure(exit_code::not_found, "no profile '" + printable(name) + "'; there are " + names_of(profiles));
  if (s.json()) {
    print_line(encode(*x));
    return exit_code::ok;
  }
  table t{{"FIELD", "VALUE", "MEANING"}};
  for (auto& f : profile_fields())
    t.row({std::string{f.name}, std::visit(shown{{*x}}, f.place),
           std::string{f.about} + (range_of(f).empty() ? "" : "; " + range_of(f))});
  print_table(s, t, {});
  return exit_code::ok;
}

} // namespace

std::vector<media_profile> known_profiles(session& s) {
  auto& node = s.connect();
  return node.ask<mesh::profile_list>(node.node().node, mesh::get_profiles{}).profiles;
}

void add_profile_commands(CLI::App& app, session& s) {
  auto* profiles = app.add_subcommand("profiles", "Profiles: what a transcode can make");
  profiles->footer("Examples:\n  troupe profiles\n  troupe profiles show web-720p\n"
                   "  troupe video transcode \"big buck\" --profile web-720p --with crf=20 --with loudness=-16\n"
                   "Profiles of your own stand as [[profiles]] in the coordinator's configuration: 'troupe config "
                   "reference' shows how.");
  profiles->callback([&s, profiles] {
    if (profiles->get_subcommands().empty())
      s.action = [&s] { return list(s); };
  });
  auto name = std::make_shared<std::string>();
  auto* show_cmd = profiles->add_subcommand("show", "Every field of one, with its meaning");
  show_cmd->add_option("PROFILE", *name, "Its name")->required();
  show_cmd->callback([&s, name] { s.action = [&s, name] { return show(s, *name); }; });
}

} // namespace troupe::cli
