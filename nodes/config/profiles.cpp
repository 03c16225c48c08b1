#include "nodes/config/profiles.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"
#include "protocol/model/profile_builder.hpp"

#include <algorithm>
#include <deque>
#include <map>

namespace troupe::config {

namespace {

/// The keys of a profile, for messages about one that is not known.
std::span<const field> key_table() {
  static const std::deque<std::string> names = [] {
    std::deque<std::string> out{"profiles.base"};
    for (auto& f : profile_fields())
      out.push_back("profiles." + toml_name(f.name));
    return out;
  }();
  static const std::vector<field> table = [] {
    std::vector<field> out;
    for (auto& name : names)
      out.push_back({name, static_cast<std::string*>(nullptr), ""});
    return out;
  }();
  return table;
}

std::string text_of(const toml::table& table, std::string_view key) {
  auto* node = table.get(key);
  return node && node->is_string() ? node->as_string()->get() : std::string{};
}

std::optional<uint32_t> whole_of(const toml::table& table, std::string_view key) {
  auto* node = table.get(key);
  if (!node || !node->is_integer() || !std::in_range<uint32_t>(node->as_integer()->get()))
    return std::nullopt;
  return static_cast<uint32_t>(node->as_integer()->get());
}

/// A reason speaks of fields as JSON names them.
std::string in_toml(std::string reason) {
  for (auto& f : profile_fields())
    if (auto key = toml_name(f.name); key != f.name)
      for (auto at = reason.find(f.name); at != std::string::npos; at = reason.find(f.name, at + key.size()))
        reason.replace(at, f.name.size(), key);
  return reason;
}

/// One [[profiles]] table.
class profile_reader {
public:
  profile_reader(const std::string& file, const toml::table& table, const std::vector<media_profile>& known,
                 problem_list& problems) :
    file_(file),
    table_(table), known_(known), problems_(problems), begin_(place_of(file, table.source())) {
  }

  media_profile run() {
    auto builder = begin();
    for (auto&& [key, node] : table_) {
      if (key.str() == "base")
        continue;
      auto field = json_name(key.str());
      auto where = place_of(file_, key.source());
      // Keys are as the reference has them, and not as JSON names the fields.
      if (!find_profile_field(field) || toml_name(field) != key.str()) {
        problems_.unknown_key(where, "profiles." + std::string{key.str()}, key_table());
        continue;
      }
      places_[field] = where;
      (void)builder.set(field, value_of(node, where));
    }
    for (auto& problem : builder.finish())
      add(problem);
    if (!table_.contains("name"))
      problems_.add(begin_, "profiles.name is missing");
    return builder.profile();
  }

private:
  profile_builder begin() {
    auto name = text_of(table_, "name");
    auto base = text_of(table_, "base");
    if (auto* node = table_.get("base"); node && !find_profile(known_, base))
      problems_.add(place_of(file_, node->source()),
                    "profiles.base must name a profile that is built in or stands before it: " + names_of(known_)
                      + (base.empty() ? "" : " (is " + json_quote(base) + ")"));
    if (auto* found = find_profile(known_, base))
      return profile_builder{*found};
    if (auto* own = find_profile(builtin_profiles(), name))
      return profile_builder{*own};
    return profile_builder{};
  }

  profile_value value_of(const toml::node& node, const place& where) {
    if (auto* text = node.as_string())
      return text->get();
    if (auto* whole = node.as_integer())
      return whole->get();
    if (auto* real = node.as_floating_point())
      return real->get();
    if (auto* flag = node.as_boolean())
      return flag->get();
    std::vector<ladder_rung> rungs;
    if (auto* list = node.as_array())
      for (auto& item : *list)
        rungs.push_back(rung_of(item, where));
    return rungs;
  }

  /// What it lacks is 0, and the rules say what is wanted.
  ladder_rung rung_of(const toml::node& node, const place& where) {
    ladder_rung out;
    auto* table = node.as_table();
    if (!table)
      return out;
    for (auto&& [key, value] : *table)
      if (key.str() != "max_width" && key.str() != "max_height" && key.str() != "video_bit_rate")
        problems_.add(where, "profiles.ladder: unknown key " + std::string{key.str()}
                               + "; a variant has max_width, max_height, video_bit_rate");
    out.max_width = whole_of(*table, "max_width").value_or(0);
    out.max_height = whole_of(*table, "max_height").value_or(0);
    out.video_bit_rate = whole_of(*table, "video_bit_rate").value_or(0);
    return out;
  }

  /// At the line of the field, else at the profile's.
  void add(const field_problem& x) {
    auto field = x.field.substr(0, x.field.find('['));
    auto i = places_.find(field);
    problems_.add(i == places_.end() ? begin_ : i->second, "profiles." + toml_name(x.field) + " " + in_toml(x.reason));
  }

  const std::string& file_;
  const toml::table& table_;
  const std::vector<media_profile>& known_;
  problem_list& problems_;
  place begin_;
  std::map<std::string, place, std::less<>> places_;
};

/// One overload for each type of member.
struct printer : plain_field {
  using plain_field::operator();

  std::string operator()(std::string media_profile::*place) const {
    return json_quote(x.*place);
  }
  std::string operator()(std::vector<ladder_rung> media_profile::*place) const {
    return json_array(x.*place, [](const ladder_rung& r) {
      return "{ max_width = " + std::to_string(r.max_width) + ", max_height = " + std::to_string(r.max_height)
             + ", video_bit_rate = " + std::to_string(r.video_bit_rate) + " }";
    });
  }
};

} // namespace

std::vector<media_profile> read_profiles(const std::string& file, const toml::node& node, problem_list& problems) {
  std::vector<media_profile> out;
  auto* array = node.as_array();
  if (!array || (!array->empty() && !array->is_homogeneous(toml::node_type::table))) {
    problems.add(place_of(file, node.source()), "profiles must be [[profiles]] tables with name, base, container, …");
    return out;
  }
  auto known = builtin_profiles();
  for (auto& item : *array) {
    auto made = profile_reader{file, *item.as_table(), known, problems}.run();
    if (text_of(*item.as_table(), "name") == unnamed_profile)
      problems.add(place_of(file, item.source()),
                   "profiles.name must not be " + json_quote(made.name)
                     + ": that is what profiles without a name are called; choose another one");
    if (find_profile(out, made.name))
      problems.add(place_of(file, item.source()), "profiles.name " + json_quote(made.name) + " is there twice");
    std::erase_if(known, [&](auto& x) { return x.name == made.name; });
    known.push_back(made);
    out.push_back(std::move(made));
  }
  return out;
}

std::string to_toml(const media_profile& x) {
  std::string out = "[[profiles]]\n";
  for (auto& f : profile_fields())
    out += toml_name(f.name) + " = " + std::visit(printer{{x}}, f.place) + "\n";
  return out;
}

} // namespace troupe::config
