#include "nodes/config/load.hpp"

#include "nodes/config/fields.hpp"
#include "nodes/config/problems.hpp"
#include "nodes/config/profiles.hpp"
#include "nodes/config/toml.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

extern char** environ; // NOLINT: POSIX

namespace troupe::config {

namespace {

constexpr std::pair<std::string_view, std::string_view> plain_variables[]{
  {"PORT", "gateway.port"},
  {"LOG_LEVEL", "log.level"},
  {"REDIS_URL", "redis.url"},
  {"REDIS_HOST", "redis.host"},
  {"REDIS_PORT", "redis.port"},
  {"DATABASE_URL", "database.url"},
  {"FRONTEND_URL", "gateway.origins"},
  {"SOFATHEK_DATA_PATH", "node.data"},
  {"TEMP_DIR", "node.temp"},
};

class loader {
public:
  result<settings> run(const sources& from) {
    if (!from.file.empty())
      read_file(from.file);
    read_plain_environment(from.environment);
    read_environment(from.environment);
    for (auto& override_text : from.overrides)
      read_override(override_text);
    check_whole(values_, [this](auto& key, auto& reason) { add_whole(key, reason); });
    if (!problems_.empty())
      return problems_.to_error();
    return values_;
  }

private:
  const field* find(std::string_view key) const {
    for (auto& f : table_)
      if (f.key == key)
        return &f;
    return nullptr;
  }

  void set(const place& where, std::string_view key, const raw_value& value) {
    auto* f = find(key);
    if (!f)
      return problems_.unknown_key(where, key, table_);
    origins_[std::string{key}] = where;
    if (auto reason = assign(*f, value)) {
      problems_.add(where, std::string{key} + " " + *reason);
      refused_.emplace(key);
    }
  }

  /// Tells a problem of the whole where its key was set. One that was refused has its default now: nothing to judge.
  void add_whole(const std::string& key, const std::string& reason) {
    if (refused_.contains(key))
      return;
    auto origin = origins_.find(key);
    if (origin == origins_.end())
      problems_.add({key}, reason);
    else
      problems_.add(origin->second, key + " " + reason);
  }

  // -- file

  void read_file(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    std::ostringstream text;
    // Nothing to copy is a failure of <<, but none of the file. (A folder opens, and is bad at the first look.)
    bool empty = in && in.peek() == std::ifstream::traits_type::eof() && !in.bad();
    if (!empty && (!in || !(text << in.rdbuf()))) {
      problems_.add({path}, "can't be read; give the path of a TOML file (cluster-config/trouped.toml has every key)");
      return;
    }
    auto doc = toml::parse(text.str(), path);
    if (!doc) {
      problems_.add(place_of(path, doc.error().source()), std::string{doc.error().description()});
      return;
    }
    for (auto&& [key, node] : doc.table()) {
      if (key.str() == "libraries")
        read_libraries(path, node);
      else if (key.str() == "profiles")
        values_.profiles = read_profiles(path, node, problems_);
      else if (auto* section = node.as_table(); section && !section_comment(key.str()).empty())
        read_section(path, std::string{key.str()}, *section);
      else
        problems_.unknown_section(place_of(path, key.source()), key.str(), table_);
    }
  }

  void read_section(const std::string& path, const std::string& section, const toml::table& table) {
    for (auto&& [key, node] : table)
      set(place_of(path, key.source()), section + "." + std::string{key.str()}, raw_of(node));
  }

  static raw_value raw_of(const toml::node& node) {
    raw_value out;
    out.value = std::monostate{};
    if (auto* text = node.as_string())
      out.value = text->get();
    else if (auto* number = node.as_integer())
      out.value = number->get();
    else if (auto* flag = node.as_boolean())
      out.value = flag->get();
    else if (auto* array = node.as_array(); array && array->is_homogeneous(toml::node_type::string))
      out.value = strings_of(*array);
    else if (array && array->empty())
      out.value = std::vector<std::string>{};
    return out;
  }

  static std::vector<std::string> strings_of(const toml::array& array) {
    std::vector<std::string> out;
    for (auto& x : array)
      out.push_back(x.as_string()->get());
    return out;
  }

  void read_libraries(const std::string& path, const toml::node& node) {
    auto* array = node.as_array();
    if (!array || (!array->empty() && !array->is_homogeneous(toml::node_type::table))) {
      problems_.add(place_of(path, node.source()), "libraries must be [[libraries]] tables with name, root, category");
      return;
    }
    for (auto& item : *array) {
      library_settings x;
      for (auto&& [key, value] : *item.as_table())
        set_library_key(place_of(path, key.source()), x, key.str(), raw_of(value));
      if (x.root.empty())
        problems_.add(place_of(path, item.source()), "libraries.root is missing: the folder's absolute path");
      else if (!x.root.starts_with('/'))
        problems_.add(place_of(path, item.source()), "libraries.root must be an absolute path");
      values_.libraries.push_back(std::move(x));
    }
  }

  void set_library_key(const place& where, library_settings& x, std::string_view key, const raw_value& value) {
    const field rows[]{{"libraries.name", &x.name, "", 1, 200},
                       {"libraries.root", &x.root, "", 1, 4096},
                       {"libraries.category", &x.category, "", 0, 100}};
    for (auto& f : rows) {
      if (f.name() != key)
        continue;
      if (auto reason = assign(f, value))
        problems_.add(where, std::string{f.key} + " " + *reason);
      return;
    }
    problems_.unknown_key(where, "libraries." + std::string{key}, rows);
  }

  // -- environment

  void read_plain_environment(const std::vector<std::pair<std::string, std::string>>& env) {
    for (auto& [variable, key] : plain_variables)
      for (auto& [name, value] : env) {
        if (value.empty())
          continue;
        if (name == variable)
          set({"environment " + name}, key, raw_value{value, true});
        else if (name == std::string{variable} + "_FILE" && find(key)->secret)
          read_secret_file(name, key, value);
      }
  }

  void read_environment(const std::vector<std::pair<std::string, std::string>>& env) {
    constexpr std::string_view prefix = "TROUPE__";
    for (auto& [name, value] : env) {
      if (!name.starts_with(prefix) || value.empty())
        continue;
      auto key = name.substr(prefix.size());
      if (auto split = key.find("__"); split != std::string::npos)
        key.replace(split, 2, ".");
      std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
      auto* direct = find(key);
      if (!direct && key.ends_with("_file")) {
        auto base = key.substr(0, key.size() - 5);
        if (auto* f = find(base); f && f->secret) {
          read_secret_file(name, base, value);
          continue;
        }
      }
      set({"environment " + name}, key, raw_value{value, true});
    }
  }

  void read_secret_file(const std::string& variable, std::string_view key, const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    std::string text(8192, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    if (text.empty())
      problems_.add({"environment " + variable}, "the file that it names can't be read or is empty");
    else
      set({"environment " + variable}, key, raw_value{text, true});
  }

  // -- command line

  /// What can be a key only: anything else may hold a password that lost its key.
  static std::string quoted_key(const std::string& text) {
    bool harmless = !text.empty() && text.size() <= 100
                    && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.") == std::string::npos;
    return harmless ? " (is \"" + text + "\")" : "";
  }

  void read_override(const std::string& text) {
    auto split = text.find('=');
    if (split == std::string::npos || split == 0)
      problems_.add({"--set"}, "must be section.key=value, like --set gateway.port=3001" + quoted_key(text));
    else
      set({"--set"}, text.substr(0, split), raw_value{text.substr(split + 1), true});
  }

  settings values_;
  std::vector<field> table_ = fields(values_);
  problem_list problems_;
  /// Where each key was set last, and the keys whose value was refused.
  std::map<std::string, place, std::less<>> origins_;
  std::set<std::string, std::less<>> refused_;
};

} // namespace

result<settings> load(const sources& from) {
  return loader{}.run(from);
}

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto** entry = environ; entry && *entry; ++entry) {
    std::string_view text{*entry};
    if (auto split = text.find('='); split != std::string_view::npos)
      out.emplace_back(text.substr(0, split), text.substr(split + 1));
  }
  return out;
}

} // namespace troupe::config
