#include "actors/cluster/mount_table.hpp"

#include <algorithm>

namespace troupe::cluster {

namespace {

/// One side of an entry, as messages speak of it.
struct side {
  std::string_view has_it;
  std::string_view example;
};
constexpr side there_side{"the coordinator has it", "/srv/films"};
constexpr side here_side{"this machine has it", "/mnt/films"};

/// For messages: as it was written, backslashes too.
std::string in_quotes(std::string_view text) {
  auto out = '"' + std::string{text} + '"';
  std::ranges::replace_if(
    out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

std::string_view trimmed(std::string_view s) {
  auto first = s.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view{} : s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// C:\films, C:/films, C:, films\new
bool is_windows(std::string_view path) {
  return path.find('\\') != std::string_view::npos
         || (path.size() >= 2 && is_letter(path[0]) && path[1] == ':' && (path.size() == 2 || path[2] == '/'));
}

/// \\nas\films, //nas/films, smb://nas/films, nas:/films: what is mounted, and not where.
bool is_share(std::string_view path) {
  if (path.starts_with("\\\\") || path.starts_with("//") || path.find("://") != std::string_view::npos)
    return true;
  auto colon = path.find(":/");
  return colon != std::string_view::npos && colon > 1 && path.find('/') == colon + 1;
}

/// As it should have been written: "/mnt//films/./new/" → "/mnt/films/new"; nothing where that can't be told.
std::optional<std::string> cleaned(std::string_view path) {
  path = trimmed(path);
  if (!path.starts_with('/') || is_windows(path) || is_share(path))
    return std::nullopt;
  std::string out;
  while (!path.empty()) {
    auto part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (part == "..") {
      if (out.empty())
        return std::nullopt;
      out.erase(out.rfind('/'));
    } else if (!part.empty() && part != ".") {
      out += '/';
      out += part;
    }
  }
  return out.empty() ? std::nullopt : std::optional{out};
}

std::string instead(const side& of) {
  return "write the path under which " + std::string{of.has_it} + ", like " + std::string{of.example};
}

bool has_part(std::string_view path, std::string_view name) {
  auto all = std::string{path} + "/";
  return all.find("/" + std::string{name} + "/") != std::string::npos;
}

/// What is wrong with a path for which there is a clean form.
std::string untidy(std::string_view path, const std::string& clean) {
  std::string why = path != trimmed(path)                         ? "has blanks around it"
                    : path.find("//") != std::string_view::npos   ? "has two slashes in a row"
                    : has_part(path, "..") || has_part(path, ".") ? "has '.' or '..' in it"
                                                                  : "ends with a slash";
  return in_quotes(path) + " " + why + "; write " + clean;
}

/// A sentence, or nothing for a good path.
std::optional<std::string> problem_of(std::string_view path, const side& of) {
  auto bare = trimmed(path);
  if (bare.empty())
    return "nothing is written for where " + std::string{of.has_it} + "; " + instead(of);
  if (is_share(bare))
    return in_quotes(bare) + " is a network share, which has to be mounted first; " + instead(of);
  if (is_windows(bare))
    return in_quotes(bare) + " is a path of Windows; " + instead(of);
  if (bare.front() != '/')
    return in_quotes(bare) + " is not an absolute path; " + instead(of);
  if (std::ranges::any_of(bare, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return in_quotes(bare) + " has control characters in it; " + instead(of);
  auto clean = cleaned(path);
  if (!clean && bare.find_first_not_of("/.") == std::string_view::npos)
    return in_quotes(bare) + " is all that there is; write the folder of a library, like " + std::string{of.example};
  if (!clean)
    return in_quotes(bare) + " goes up beyond the root; " + instead(of);
  return *clean == path ? std::nullopt : std::optional{untidy(path, *clean)};
}

/// Where the two paths are parted: at the only '=' that is followed by a slash, else at the first one.
std::optional<size_t> split_of(std::string_view text) {
  auto at = text.find("=/");
  if (at == std::string_view::npos)
    at = text.find('=');
  return at == std::string_view::npos ? std::nullopt : std::optional{at};
}

class reader {
public:
  void read(const std::string& text) {
    auto at = split_of(text);
    if (!at)
      return wrong(text, "there is no '=' in it; write COORDINATOR=HERE, like \"/srv/films=/mnt/films\"");
    auto there = std::string_view{text}.substr(0, *at);
    auto here = std::string_view{text}.substr(*at + 1);
    if (here.find("=/") != std::string_view::npos)
      return wrong(text,
                   "there is more than one \"=/\" in it, so that the two paths can't be told apart; write one entry "
                   "for each folder, and give a folder whose name ends with '=' another one");
    auto first = problem_of(there, there_side);
    auto second = problem_of(here, here_side);
    if (first)
      wrong(text, *first);
    if (second)
      wrong(text, *second);
    if (!first && !second)
      entries.push_back({std::string{there}, std::string{here}});
  }

  void wrong(std::string_view entry, const std::string& why) {
    problems.push_back(in_quotes(entry) + ": " + why);
  }

  std::vector<mount_entry> entries;
  std::vector<std::string> problems;
};

/// What two entries say against each other.
std::optional<std::string> conflict_of(const mount_entry& a, const mount_entry& b) {
  if (a.there == b.there)
    return in_quotes(a.str()) + " and " + in_quotes(b.str()) + " are both about " + a.there
           + "; write one of them, with the path under which this machine has it";
  if (a.here == b.here)
    return in_quotes(a.str()) + " and " + in_quotes(b.str())
           + " put two folders of the coordinator into one; write "
             "for each the path under which this machine has it";
  return std::nullopt;
}

/// Below `outer`'s folder lies what `inner` is said to be, under another name.
bool collides(const mount_table& all, const mount_entry& outer, const mount_entry& inner) {
  if (outer.here == inner.here || !is_within(inner.here, outer.here))
    return false;
  auto other = outer.there + inner.here.substr(outer.here.size());
  return other != inner.there && all.here(other) == inner.here;
}

} // namespace

bool is_within(std::string_view path, std::string_view folder) noexcept {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string mount_entry::str() const {
  return there + "=" + here;
}

result<mount_table> mount_table::parse(const std::vector<std::string>& texts, std::string_view data_folder) {
  reader in;
  for (auto& text : texts)
    in.read(text);
  for (auto& x : in.entries)
    if (!data_folder.empty() && (is_within(x.here, data_folder) || is_within(data_folder, x.here)))
      in.wrong(x.str(), x.here + " overlaps Troupe's own data folder " + std::string{data_folder}
                          + "; mount the library beside it, and write that path");
  mount_table out;
  out.entries_ = in.entries;
  for (size_t i = 0; i < in.entries.size(); ++i)
    for (size_t j = i + 1; j < in.entries.size(); ++j)
      if (auto why = conflict_of(in.entries[i], in.entries[j]))
        in.problems.push_back(std::move(*why));
  for (auto& outer : in.entries)
    for (auto& inner : in.entries)
      if (collides(out, outer, inner))
        in.wrong(inner.str(), inner.here + " lies in " + outer.here + ", which is " + outer.there
                                + " of the coordinator, and so it is " + outer.there
                                + inner.here.substr(outer.here.size()) + " already; mount it outside of " + outer.here
                                + ", and write that path");
  if (in.problems.empty())
    return out;
  error err{errc::validation, {}};
  for (auto& problem : in.problems) {
    err.message += (err.message.empty() ? "" : "\n") + problem;
    err.fields.emplace_back("worker.mounts", std::move(problem));
  }
  return err;
}

const mount_entry* mount_table::covering(std::string_view coordinator_path) const noexcept {
  const mount_entry* best = nullptr;
  for (auto& x : entries_)
    if (is_within(coordinator_path, x.there) && (!best || x.there.size() > best->there.size()))
      best = &x;
  return best;
}

std::string mount_table::here(std::string_view coordinator_path) const {
  auto* x = covering(coordinator_path);
  return x ? x->here + std::string{coordinator_path.substr(x->there.size())} : std::string{coordinator_path};
}

} // namespace troupe::cluster
