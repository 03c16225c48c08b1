// The table as TOML text: with the comments the reference file, with present values `troupe config show`.

#include "nodes/config/fields.hpp"
#include "nodes/config/load.hpp"
#include "protocol/model/json_writer.hpp"

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

} // namespace

std::string show(const settings& x) {
  auto out = render(x, false);
  for (auto& l : x.libraries)
    out += "\n[[libraries]]\nname = " + quoted(l.name) + "\nroot = " + quoted(l.root)
           + "\ncategory = " + quoted(l.category) + "\n";
  return out;
}

std::string reference() {
  return "# Every setting of trouped with its default. Start with: trouped --config trouped.toml\n"
         "# The environment comes before this file (TROUPE__GATEWAY__PORT=3001; for secrets also\n"
         "# TROUPE__DATABASE__URL_FILE=/path), and the command line before both (--set gateway.port=3001).\n\n"
         + render(settings{}, true)
         + "\n# Libraries that are added at start when they are not there yet; any number of these.\n"
           "# [[libraries]]\n# name = \"Films\"\n# root = \"/srv/films\"\n# category = \"movies\"\n";
}

} // namespace troupe::config
