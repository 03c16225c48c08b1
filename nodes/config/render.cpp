// The table as TOML text: with the comments the reference file, with present values `troupe config show`.

#include "nodes/config/fields.hpp"
#include "nodes/config/load.hpp"
#include "nodes/config/profiles.hpp"
#include "protocol/model/json_writer.hpp"
#include "protocol/model/profile_fields.hpp"

namespace troupe::config {

namespace {

constexpr size_t width = 100;

std::string comment(std::string_view text) {
  std::string out;
  std::string line;
  auto flush = [&] {
    out += "# " + line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    auto space = text.find(' ');
    auto word = text.substr(0, space);
    if (!line.empty() && line.size() + word.size() + 3 > width)
      flush();
    line += (line.empty() ? "" : " ") + std::string{word};
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  }
  if (!line.empty())
    flush();
  return out;
}

std::string render(const settings& x, bool with_comments) {
  // The table binds to something it may write to.
  auto copy = x;
  std::string out;
  std::string_view section;
  for (auto& f : fields(copy)) {
    if (f.section() != section) {
      section = f.section();
      out += (out.empty() ? "" : "\n") + (with_comments ? comment(section_comment(section)) : std::string{});
      out += "[" + std::string{section} + "]\n";
    }
    if (with_comments)
      out += "\n" + comment(f.comment);
    out += std::string{f.name()} + " = " + to_toml(f) + "\n";
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

/// What a profile can say, commented out.
std::string profile_reference() {
  auto out =
    comment("Profiles of transcodes: these add to the built-in ones, or replace the one of the same name; any "
            "number of these. A profile begins with the one that base names, else with the built-in one of its "
            "own name; a field that is left out stays as it is there. 'troupe profiles' lists them.");
  out += "# [[profiles]]\n# name = \"tv\"\n# base = \"web-1080p\"\n# crf = 20\n# max_channels = 6\n#\n";
  for (auto& f : profile_fields())
    out +=
      comment(toml_name(f.name) + ": " + std::string{f.about} + (range_of(f).empty() ? "." : "; " + range_of(f) + "."));
  out += "# A variant of a ladder is written { max_width = 1280, max_height = 720, video_bit_rate = 3000000 }.\n";
  return "\n" + out;
}

} // namespace

std::string show(const settings& x) {
  auto out = render(x, false);
  for (auto& l : x.libraries)
    out += "\n[[libraries]]\nname = " + quoted(l.name) + "\nroot = " + quoted(l.root)
           + "\ncategory = " + quoted(l.category) + "\n";
  for (auto& p : x.profiles)
    out += "\n" + to_toml(p);
  return out;
}

std::string reference() {
  return "# Every setting of trouped with its default. Start with: trouped --config trouped.toml\n"
         "# The environment comes before this file (TROUPE__GATEWAY__PORT=3001; for secrets also\n"
         "# TROUPE__DATABASE__URL_FILE=/path), and the command line before both (--set gateway.port=3001).\n\n"
         + render(settings{}, true)
         + "\n# Libraries that are added at start when they are not there yet; any number of these.\n"
           "# [[libraries]]\n# name = \"Films\"\n# root = \"/srv/films\"\n# category = \"movies\"\n"
         + profile_reference();
}

} // namespace troupe::config
