#include "net/route.hpp"

#include "net/preconditions.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::net {

namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> out;
  size_t begin = 1;
  while (begin <= path.size()) {
    auto end = std::min(path.find('/', begin), path.size());
    out.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

bool is_variable(std::string_view segment) {
  return segment.starts_with('{');
}

/// What stands for the {name} in a segment of "{name}" or "{name}.jpg"; empty: nothing does.
std::string_view value_in(std::string_view segment, std::string_view pattern) {
  auto suffix = pattern.substr(std::min(pattern.find('}'), pattern.size() - 1) + 1);
  if (!segment.ends_with(suffix))
    return {};
  return segment.substr(0, segment.size() - suffix.size());
}

bool matches(const route& r, const std::vector<std::string_view>& segments, std::vector<std::string>& values) {
  auto pattern = split(r.path);
  values.clear();
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (is_variable(pattern[i])) {
      auto value = value_in(segments[i], pattern[i]);
      if (value.empty())
        return false;
      values.emplace_back(value);
    } else if (pattern[i] != segments[i]) {
      return false;
    }
  }
  return true;
}

bool serves(const route& r, verb method) {
  return r.method == method || (method == verb::head && r.method == verb::get && !r.live);
}

void add_allowed(std::string& allow, const route& r) {
  auto add = [&](std::string_view name) {
    if (allow.find(name) == std::string::npos)
      allow.append(allow.empty() ? "" : ", ").append(name);
  };
  add(to_string(r.method));
  if (r.method == verb::get && !r.live)
    add("HEAD");
}

} // namespace

route_table::route_table(std::vector<route> routes) : routes_(std::move(routes)) {
  for (size_t i = 0; i < routes_.size(); ++i) {
    auto& r = routes_[i];
    r.index = i;
    if (r.path.find('{') == std::string_view::npos)
      fixed_[r.path].push_back(&r);
    else
      patterns_[split(r.path).size()].push_back(&r);
  }
}

route_table::match route_table::find(verb method, std::string_view path) const {
  match out;
  if (auto i = fixed_.find(path); i != fixed_.end()) {
    for (auto* r : i->second) {
      if (serves(*r, method)) {
        out.found = r;
        return out;
      }
      add_allowed(out.allow, *r);
    }
    return out;
  }
  auto segments = split(path);
  auto i = patterns_.find(segments.size());
  if (i == patterns_.end())
    return out;
  for (auto* r : i->second) {
    if (!matches(*r, segments, out.values))
      continue;
    if (serves(*r, method)) {
      out.found = r;
      return out;
    }
    add_allowed(out.allow, *r);
  }
  out.values.clear();
  return out;
}

namespace {

/// Empty: fine.
std::string problem_of(const parameter& p, const std::string& value) {
  if (p.type == value_type::integer) {
    int64_t number = 0;
    auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (code != std::errc{} || end != value.data() + value.size())
      return "must be a whole number";
    if ((p.minimum != 0 || p.maximum != 0) && (number < p.minimum || number > p.maximum))
      return "must be " + std::to_string(p.minimum) + " to " + std::to_string(p.maximum);
  } else if (p.type == value_type::boolean) {
    if (value != "true" && value != "false")
      return "must be true or false";
  }
  if (!p.values.empty() && std::find(p.values.begin(), p.values.end(), value) == p.values.end()) {
    std::string out = "must be one of";
    for (auto v : p.values)
      out.append(" ").append(v);
    return out;
  }
  return {};
}

std::string known_names(const route& r) {
  std::string out;
  for (auto& p : r.parameters)
    if (p.in == parameter::place::query)
      out.append(out.empty() ? "is not known; known: " : ", ").append(p.name);
  return out.empty() ? "is not known; this path takes none" : out;
}

} // namespace

result<void> check_parameters(const route& r, const request& req) {
  error problems{errc::validation, "the query has parameters that are not allowed"};
  for (auto& [name, value] : req.query) {
    auto p = std::find_if(r.parameters.begin(), r.parameters.end(), [&name = name](auto& candidate) {
      return candidate.in == parameter::place::query && candidate.name == name;
    });
    if (p != r.parameters.end()) {
      if (auto problem = problem_of(*p, value); !problem.empty())
        problems.fields.emplace_back(name, std::move(problem));
    } else if (!r.lenient) {
      problems.fields.emplace_back(name, known_names(r));
    }
  }
  for (auto& p : r.parameters)
    if (p.in == parameter::place::query && p.required && !req.parameter(p.name))
      problems.fields.emplace_back(p.name, "is missing");
  if (!problems.fields.empty())
    return problems;
  return {};
}

parameter path_id(std::string_view doc) {
  return {"id", parameter::place::path, value_type::text, true, doc, 0, 0, {}};
}

parameter query_text(std::string_view name, std::string_view doc) {
  return {name, parameter::place::query, value_type::text, false, doc, 0, 0, {}};
}

parameter query_integer(std::string_view name, int64_t minimum, int64_t maximum, std::string_view doc) {
  return {name, parameter::place::query, value_type::integer, false, doc, minimum, maximum, {}};
}

std::vector<parameter> with_paging(std::vector<parameter> others) {
  others.push_back(query_integer("page", 1, 1'000'000, "Page, from 1"));
  others.push_back(query_integer("limit", 1, 100, "Entries a page, 20 unless told"));
  return others;
}

int64_t integer_or(const request& req, std::string_view name, int64_t fallback) {
  auto value = req.parameter(name);
  if (!value)
    return fallback;
  int64_t number = fallback;
  std::from_chars(value->data(), value->data() + value->size(), number);
  return number;
}

std::string text_or(const request& req, std::string_view name, std::string_view fallback) {
  auto value = req.parameter(name);
  return value ? *value : std::string{fallback};
}

std::vector<route> all_routes() {
  std::vector<route> out;
  add_video_routes(out);
  add_stream_routes(out);
  add_storyboard_routes(out);
  add_hls_routes(out);
  add_media_job_routes(out);
  add_upload_routes(out);
  add_library_routes(out);
  add_job_routes(out);
  add_job_log_routes(out);
  add_job_cleanup_routes(out);
  add_job_download_routes(out);
  add_queue_routes(out);
  add_node_routes(out);
  add_health_routes(out);
  add_metrics_routes(out);
  add_live_routes(out);
  guard_writes(out);
  return out;
}

} // namespace troupe::net
