#include "nodes/config/settings.hpp"

#include <algorithm>
#include <charconv>
#include <unistd.h>

namespace troupe::config {

std::optional<host_port> parse_host_port(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return std::nullopt;
  auto host = text.substr(0, colon);
  // An IPv6 address has colons of its own (RFC 3986, section 3.2.2).
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find_first_of(" \t:") != std::string_view::npos)
    return std::nullopt;
  host_port out{std::string{host}};
  auto* end = text.data() + text.size();
  auto [ptr, ec] = std::from_chars(text.data() + colon + 1, end, out.port);
  if (ec != std::errc{} || ptr != end || out.port == 0)
    return std::nullopt;
  return out;
}

std::optional<std::vector<host_port>> parse_host_ports(std::string_view text) {
  std::vector<host_port> out;
  while (true) {
    const auto comma = text.find(',');
    auto one = text.substr(0, comma);
    const auto from = std::min(one.find_first_not_of(' '), one.size());
    one = one.substr(from, one.find_last_not_of(' ') + 1 - from);
    auto where = parse_host_port(one);
    if (!where)
      return std::nullopt;
    out.push_back(std::move(*where));
    if (comma == std::string_view::npos)
      return out;
    text.remove_prefix(comma + 1);
  }
}

bool settings::has_role(std::string_view role) const {
  return std::find(node.roles.begin(), node.roles.end(), role) != node.roles.end();
}

std::vector<media_profile> settings::all_profiles() const {
  auto out = builtin_profiles();
  for (auto& x : profiles) {
    auto same = std::find_if(out.begin(), out.end(), [&](auto& p) { return p.name == x.name; });
    if (same == out.end())
      out.push_back(x);
    else
      *same = x;
  }
  return out;
}

std::string settings::node_name() const {
  if (!node.name.empty())
    return node.name;
  char buf[256] = {};
  return gethostname(buf, sizeof(buf) - 1) == 0 && buf[0] != '\0' ? buf : "node";
}

std::string settings::temp_folder() const {
  return node.temp.empty() ? node.data + "/tmp" : node.temp;
}

std::string settings::database_url() const {
  return database.url.empty() ? "sqlite:" + node.data + "/troupe.db" : database.url;
}

std::string settings::redis_url() const {
  if (!redis.url.empty() || redis.host.empty())
    return redis.url;
  return "redis://" + redis.host + ":" + std::to_string(redis.port);
}

} // namespace troupe::config
