// Texts ⇄ values: numbers, durations, sizes, lists.

#include "nodes/config/fields.hpp"

#include "protocol/model/json.hpp"
#include "protocol/model/json_writer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace troupe::config {

namespace {

struct unit {
  std::string_view name;
  uint64_t factor;
};

// Longest factor first: to_text takes the first that divides.
constexpr unit durations[]{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
constexpr unit sizes[]{{"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1},
                       {"T", 1ull << 40},   {"G", 1ull << 30},   {"M", 1ull << 20},   {"K", 1ull << 10}};

std::string_view trim(std::string_view s) {
  auto first = s.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view{}
                                         : s.substr(first, s.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<uint64_t> whole(std::string_view s) {
  uint64_t x = 0;
  auto [ptr, ec] = std::from_chars(s.data(), s.data() + s.size(), x);
  if (s.empty() || ec != std::errc{} || ptr != s.data() + s.size())
    return std::nullopt;
  return x;
}

/// "15s", "1.5 GiB". Without a unit nothing, but for sizes, where it is bytes.
std::optional<uint64_t> with_unit(std::string_view text, std::span<const unit> units, bool bare) {
  text = trim(text);
  auto split = text.find_first_not_of("0123456789.");
  if (split == std::string_view::npos)
    return bare ? whole(text) : std::nullopt;
  auto name = trim(text.substr(split));
  auto number = text.substr(0, split);
  for (auto& u : units) {
    if (u.name != name)
      continue;
    if (auto x = whole(number))
      return *x <= UINT64_MAX / u.factor ? std::optional{*x * u.factor} : std::nullopt;
    double x = 0;
    auto [ptr, ec] = std::from_chars(number.data(), number.data() + number.size(), x, std::chars_format::fixed);
    if (number.empty() || ec != std::errc{} || ptr != number.data() + number.size()
        || x * static_cast<double>(u.factor) > 9e18)
      return std::nullopt;
    return static_cast<uint64_t>(std::llround(x * static_cast<double>(u.factor)));
  }
  return std::nullopt;
}

std::string with_unit(uint64_t x, std::span<const unit> units) {
  for (auto& u : units)
    if (x != 0 && x % u.factor == 0)
      return std::to_string(x / u.factor) + (u.name.size() == 3 ? " " : "") + std::string{u.name};
  return "0" + std::string{units[4].name};
}

std::string duration_text(uint64_t x) {
  return with_unit(x, durations);
}

std::string size_text(uint64_t x) {
  return with_unit(x, sizes);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  while (!trim(text).empty()) {
    auto comma = text.find(',');
    if (auto item = trim(text.substr(0, comma)); !item.empty())
      out.emplace_back(item);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return out;
}

std::string list_choices(std::span<const std::string_view> choices) {
  std::string out;
  for (auto& c : choices)
    out += (out.empty() ? "" : ", ") + std::string{c};
  return out;
}

std::optional<std::string> check_choice(const field& f, const std::string& text) {
  if (f.choices.empty() || std::find(f.choices.begin(), f.choices.end(), text) != f.choices.end())
    return std::nullopt;
  return "must be one of " + list_choices(f.choices) + " (is " + json_quote(text) + ")";
}

std::string shown(const field& f, std::string_view text) {
  return f.secret ? std::string{} : " (is " + json_quote(text) + ")";
}

/// One overload for each type of place.
struct assigner {
  const field& f;
  const raw_value& raw;

  const std::string* text() const {
    return std::get_if<std::string>(&raw.value);
  }

  std::optional<std::string> operator()(std::string* out) const {
    auto* s = text();
    if (!s)
      return "must be a text in quotes";
    if (auto problem = check_choice(f, *s))
      return problem;
    auto bound = f.max == UINT64_MAX ? 4096 : f.max;
    if (s->size() < f.min)
      return "must not be empty";
    if (s->size() > bound)
      return "must be at most " + std::to_string(bound) + " bytes long";
    if (std::any_of(s->begin(), s->end(), [](unsigned char c) { return c < 0x20; }))
      return "must not hold control characters";
    *out = *s;
    return std::nullopt;
  }
  std::optional<std::string> operator()(bool* out) const {
    if (auto* b = std::get_if<bool>(&raw.value)) {
      *out = *b;
      return std::nullopt;
    }
    auto* s = text();
    if (s && raw.untyped && (*s == "true" || *s == "1" || *s == "yes" || *s == "on"))
      *out = true;
    else if (s && raw.untyped && (*s == "false" || *s == "0" || *s == "no" || *s == "off"))
      *out = false;
    else
      return "must be true or false" + (s ? shown(f, *s) : std::string{});
    return std::nullopt;
  }
  template <class Int>
  std::optional<std::string> operator()(Int* out) const {
    std::optional<uint64_t> x;
    std::string was;
    if (auto* i = std::get_if<int64_t>(&raw.value)) {
      was = std::to_string(*i);
      if (*i >= 0)
        x = static_cast<uint64_t>(*i);
    } else if (auto* s = text()) {
      was = *s;
      if (raw.untyped)
        x = whole(trim(*s));
    }
    auto max = std::min<uint64_t>(f.max, std::numeric_limits<Int>::max());
    if (!x || *x < f.min || *x > max)
      return "must be a whole number from " + std::to_string(f.min) + " to " + std::to_string(max)
             + (was.empty() ? std::string{} : shown(f, was));
    *out = static_cast<Int>(*x);
    return std::nullopt;
  }
  std::optional<std::string> operator()(byte_size* out) const {
    std::optional<uint64_t> x;
    if (auto* i = std::get_if<int64_t>(&raw.value); i && *i >= 0)
      x = static_cast<uint64_t>(*i);
    else if (auto* s = text())
      x = with_unit(*s, sizes, true);
    if (!x)
      return "must be a size like \"64 KiB\" or \"20 GiB\"" + (text() ? shown(f, *text()) : std::string{});
    if (*x < f.min || *x > f.max)
      return "must be at least " + size_text(f.min)
             + (f.max < UINT64_MAX >> 1 ? " and at most " + size_text(f.max) : std::string{});
    out->bytes = *x;
    return std::nullopt;
  }
  std::optional<std::string> operator()(milliseconds* out) const {
    auto* s = text();
    auto x = s ? with_unit(*s, durations, false) : std::nullopt;
    if (!x)
      return "must be a time with its unit, like \"500ms\", \"15s\", \"5m\", \"2h\" or \"7d\""
             + (s ? shown(f, *s) : std::string{});
    if (*x < f.min || *x > f.max)
      return "must be from " + duration_text(f.min) + " to " + duration_text(f.max) + shown(f, *s);
    *out = milliseconds{static_cast<int64_t>(*x)};
    return std::nullopt;
  }
  std::optional<std::string> operator()(std::vector<std::string>* out) const {
    std::vector<std::string> items;
    if (auto* list = std::get_if<std::vector<std::string>>(&raw.value))
      items = *list;
    else if (auto* s = text(); s && raw.untyped)
      items = split_list(*s);
    else
      return "must be a list like [\"a\", \"b\"]";
    for (auto& item : items)
      if (auto problem = check_choice(f, item))
        return problem;
    if (items.size() < f.min)
      return "must not be empty";
    *out = std::move(items);
    return std::nullopt;
  }
};

struct printer {
  std::string operator()(const std::string* x) const {
    return json_quote(*x);
  }
  std::string operator()(const bool* x) const {
    return *x ? "true" : "false";
  }
  template <class Int>
  std::string operator()(const Int* x) const {
    return std::to_string(*x);
  }
  std::string operator()(const byte_size* x) const {
    return json_quote(size_text(x->bytes));
  }
  std::string operator()(const milliseconds* x) const {
    return json_quote(duration_text(static_cast<uint64_t>(x->count())));
  }
  std::string operator()(const std::vector<std::string>* x) const {
    auto list = json_array(*x, [](const std::string& s) { return " " + json_quote(s); });
    return list.size() > 2 ? "[" + list.substr(2) : list;
  }
};

} // namespace

std::optional<std::string> assign(const field& f, const raw_value& value) {
  return std::visit(assigner{f, value}, f.target);
}

std::string to_toml(const field& f) {
  auto* text = std::get_if<std::string*>(&f.target);
  if (f.secret && text && !(*text)->empty())
    return "\"********\"";
  return std::visit([](auto* x) { return printer{}(x); }, f.target);
}

} // namespace troupe::config
