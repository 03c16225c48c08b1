#include "net/json_body.hpp"

#include "net/exposition.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace troupe::net {

using nlohmann::json;

struct json_body::impl {
  json value;
  error problems{errc::validation, "the request has fields that are not allowed"};

  const json* find(std::string_view name) const {
    auto i = value.find(name);
    return i == value.end() || i->is_null() ? nullptr : &*i;
  }
};

namespace {

constexpr int max_depth = 32;

/// nlohmann's parser keeps its own stack, but its destructor and dump recurse: depth is bounded here.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_depth)
        return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

} // namespace

json_body::json_body(std::unique_ptr<impl> x) : impl_(std::move(x)) {
}
json_body::json_body(json_body&&) noexcept = default;
json_body& json_body::operator=(json_body&&) noexcept = default;
json_body::~json_body() = default;

result<json_body> json_body::parse(std::string_view text) {
  auto out = std::make_unique<impl>();
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    out->value = json::object();
    return json_body{std::move(out)};
  }
  if (too_deep(text))
    return {errc::validation, "the JSON is nested too deeply"};
  out->value = json::parse(text, nullptr, false);
  if (out->value.is_discarded())
    return {errc::validation, "the body is not valid JSON"};
  if (!out->value.is_object())
    return {errc::validation, "the body must be a JSON object"};
  return json_body{std::move(out)};
}

bool json_body::has(std::string_view name) const {
  return impl_->find(name) != nullptr;
}

std::optional<std::string> json_body::text(std::string_view name, size_t max_length) {
  auto x = impl_->find(name);
  if (!x)
    return std::nullopt;
  auto s = x->get_ptr<const std::string*>();
  if (!s) {
    problem(name, "must be a text");
    return std::nullopt;
  }
  if (s->size() > max_length || s->find('\0') != std::string::npos) {
    problem(name, "must be at most " + std::to_string(max_length) + " bytes without NUL");
    return std::nullopt;
  }
  return *s;
}

std::optional<int64_t> json_body::integer(std::string_view name, int64_t minimum, int64_t maximum) {
  auto x = impl_->find(name);
  if (!x)
    return std::nullopt;
  auto fits = x->is_number_integer() && (!x->is_number_unsigned() || x->get<uint64_t>() <= INT64_MAX);
  auto number = fits ? x->get<int64_t>() : 0;
  if (!fits || number < minimum || number > maximum) {
    problem(name, "must be a whole number from " + std::to_string(minimum) + " to " + std::to_string(maximum));
    return std::nullopt;
  }
  return number;
}

std::optional<double> json_body::number(std::string_view name, double minimum, double maximum) {
  auto x = impl_->find(name);
  if (!x)
    return std::nullopt;
  auto value = x->is_number() ? x->get<double>() : std::nan("");
  if (!(value >= minimum && value <= maximum)) {
    problem(name, "must be a number from " + exposition_number(minimum) + " to " + exposition_number(maximum));
    return std::nullopt;
  }
  return value;
}

std::optional<bool> json_body::boolean(std::string_view name) {
  auto x = impl_->find(name);
  if (!x)
    return std::nullopt;
  if (!x->is_boolean()) {
    problem(name, "must be true or false");
    return std::nullopt;
  }
  return x->get<bool>();
}

std::optional<std::vector<std::string>> json_body::texts(std::string_view name, size_t max_count) {
  auto x = impl_->find(name);
  if (!x)
    return std::nullopt;
  auto good = x->is_array() && x->size() <= max_count
              && std::all_of(x->begin(), x->end(), [](auto& item) { return item.is_string(); });
  if (!good) {
    problem(name, "must be a list of at most " + std::to_string(max_count) + " texts");
    return std::nullopt;
  }
  return x->get<std::vector<std::string>>();
}

std::vector<std::pair<std::string, std::string>> json_body::text_members(std::string_view name) {
  std::vector<std::pair<std::string, std::string>> out;
  if (auto x = impl_->find(name); x && x->is_object())
    for (auto& [key, item] : x->items())
      if (auto s = item.get_ptr<const std::string*>())
        out.emplace_back(key, *s);
  return out;
}

std::optional<std::string> json_body::object(std::string_view name) {
  auto x = impl_->find(name);
  if (!x)
    return std::nullopt;
  if (!x->is_object()) {
    problem(name, "must be an object");
    return std::nullopt;
  }
  return x->dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<std::string> json_body::list(std::string_view name) {
  auto x = impl_->find(name);
  if (!x)
    return std::nullopt;
  if (!x->is_array()) {
    problem(name, "must be a list");
    return std::nullopt;
  }
  return x->dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string json_body::dump() const {
  return impl_->value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void json_body::problem(std::string_view name, std::string reason) {
  impl_->problems.fields.emplace_back(name, std::move(reason));
}

void json_body::require(std::string_view name) {
  if (!has(name))
    problem(name, "is missing");
}

void json_body::only(const std::vector<std::string_view>& known) {
  std::string names;
  for (auto k : known)
    names.append(names.empty() ? "" : ", ").append(k);
  for (auto& item : impl_->value.items())
    if (std::find(known.begin(), known.end(), item.key()) == known.end())
      problem(item.key(), "is not known; known: " + names);
}

result<void> json_body::verdict() const {
  if (!impl_->problems.fields.empty())
    return impl_->problems;
  return {};
}

} // namespace troupe::net
