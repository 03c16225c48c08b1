#include "nodes/config/problems.hpp"

#include "actors/cluster/mount_table.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <filesystem>
#include <limits>

namespace troupe::config {

namespace {

bool is_loopback(std::string_view address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](auto p) { return text.starts_with(p); });
}

bool is_ip_address(const std::string& text) {
  in_addr v4;
  in6_addr v6;
  return inet_pton(AF_INET, text.c_str(), &v4) == 1 || inet_pton(AF_INET6, text.c_str(), &v6) == 1;
}

/// Of a node that serves files: one port can't be two things.
void check_files_port(const settings& x, const key_problem& wrong) {
  const bool coordinator = x.has_role("coordinator");
  if (x.files.port == 0 || x.mesh.identity.empty() || (!coordinator && !x.files.serve))
    return;
  if (coordinator && x.files.port == x.mesh.port)
    wrong("files.port", "must differ from mesh.port (both are " + std::to_string(x.files.port) + ")");
  if (x.has_role("gateway") && x.files.port == x.gateway.port)
    wrong("files.port", "must differ from gateway.port (both are " + std::to_string(x.files.port) + ")");
}

/// Others are told to go where it serves.
void check_files_address(const settings& x, const key_problem& wrong) {
  const auto& at = x.files.address;
  if (x.has_role("coordinator") && x.files.host.empty() && !at.empty() && is_loopback(at)
      && !is_loopback(x.mesh.address))
    wrong("files.address", "is " + at + ", which other machines can't reach, but mesh.address is " + x.mesh.address
                             + "; leave it out, or name an address that they reach (files.host, where "
                               "something on this machine forwards it)");
}

void check_mounts(const settings& x, const key_problem& wrong) {
  if (x.worker.mounts.empty())
    return;
  if (x.has_role("coordinator"))
    wrong("worker.mounts", "is for nodes that are not the coordinator, which has its libraries under their own paths; "
                           "leave it out here");
  std::error_code unknown;
  auto data = std::filesystem::absolute(x.node.data, unknown).lexically_normal().string();
  while (data.ends_with('/'))
    data.pop_back();
  auto table = cluster::mount_table::parse(x.worker.mounts, data);
  if (!table)
    for (auto& [key, reason] : table.error().fields)
      wrong(key, reason);
}

} // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the usual table are enough for swaps, too.
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

void problem_list::unknown_key(place where, std::string_view key, std::span<const field> table) {
  std::string_view nearest;
  size_t best = std::max<size_t>(2, key.size() / 4) + 1;
  std::string known;
  auto section = key.substr(0, key.find('.'));
  for (auto& f : table) {
    if (auto d = edit_distance(key, f.key); d < best) {
      best = d;
      nearest = f.key;
    }
    if (f.section() == section)
      known += (known.empty() ? "" : ", ") + std::string{f.name()};
  }
  auto reason = "unknown key " + std::string{key.substr(0, 100)};
  if (!nearest.empty())
    reason += "; did you mean " + std::string{nearest} + "?";
  else if (!known.empty())
    reason += "; " + std::string{section} + " has " + known;
  else
    reason += "; cluster-config/trouped.toml lists every key";
  add(std::move(where), std::move(reason));
}

void problem_list::unknown_section(place where, std::string_view section, std::span<const field> table) {
  std::string known = "libraries, profiles";
  std::string_view nearest;
  size_t best = 3;
  for (auto& f : table) {
    auto name = std::string{f.section()};
    if (known.find(name) == std::string::npos)
      known += ", " + name;
    if (auto d = edit_distance(section, f.section()); d < best) {
      best = d;
      nearest = f.section();
    }
  }
  add(std::move(where), "unknown section [" + std::string{section.substr(0, 100)} + "]; "
                          + (nearest.empty() ? "there are " + known : "did you mean [" + std::string{nearest} + "]?"));
}

error problem_list::to_error() const {
  auto rows = rows_;
  std::ranges::stable_sort(
    rows, {}, [](const row& x) { return x.where.line == 0 ? std::numeric_limits<uint32_t>::max() : x.where.line; });
  error out{errc::validation, {}};
  for (auto& [where, reason] : rows) {
    out.message += (out.message.empty() ? "" : "\n") + where.text + ": " + reason;
    out.fields.emplace_back(where.text, reason);
  }
  return out;
}

void check_whole(const settings& x, const key_problem& wrong) {
  if (!is_loopback(x.gateway.address))
    wrong("gateway.address", "must be a loopback address such as 127.0.0.1: there are no accounts yet, so anyone who "
                             "reaches the API is an administrator; put a proxy that signs people in before it");
  if (!is_loopback(x.mesh.address) && x.mesh.identity.empty())
    wrong("mesh.address", "must be a loopback address such as 127.0.0.1 unless mesh.identity names this node's "
                          "certificate: without one connections between nodes are not encrypted");
  if (x.gateway.port != 0 && x.gateway.port == x.mesh.port && x.has_role("gateway"))
    wrong("mesh.port", "must differ from gateway.port (both are " + std::to_string(x.mesh.port) + ")");
  check_files_port(x, wrong);
  check_files_address(x, wrong);
  if (!x.mesh.identity.empty() && (x.has_role("coordinator") || x.files.serve))
    for (auto [key, address] : {std::pair{"mesh.address", &x.mesh.address}, {"files.address", &x.files.address}})
      if (!address->empty() && *address != "localhost" && !is_ip_address(*address))
        wrong(key,
              "must be an IP address of this machine, like 10.0.0.1, or 0.0.0.0 for all (is \"" + *address + "\")");
  if (!x.has_role("coordinator") && x.mesh.coordinator.empty())
    wrong("mesh.coordinator", "must name the coordinator's HOST:PORT, because this node is none itself (node.roles)");
  if (x.has_role("coordinator") && !x.mesh.coordinator.empty())
    wrong("mesh.coordinator",
          "is for nodes without the role coordinator: leave it out, or name this node's roles without "
          "it (node.roles, such as \"worker\")");
  if (!x.mesh.coordinator.empty() && !parse_host_ports(x.mesh.coordinator))
    wrong("mesh.coordinator", "must be HOST:PORT, like 127.0.0.1:3002, or several of them separated by commas (is \""
                                + x.mesh.coordinator + "\")");
  if (x.mesh.connection_timeout < 2 * x.mesh.heartbeat)
    wrong("mesh.connection_timeout", "must be at least twice mesh.heartbeat");
  if (!x.database.url.empty() && !starts_with_any(x.database.url, {"postgresql://", "postgres://", "sqlite:"}))
    wrong("database.url", "must start with postgresql:// or sqlite:");
  if (!x.redis.url.empty() && !starts_with_any(x.redis.url, {"redis://", "unix://"}))
    wrong("redis.url", "must start with redis:// or unix://");
  check_mounts(x, wrong);
  for (auto& host : x.gateway.hosts)
    if (host.find('/') != std::string::npos)
      wrong("gateway.hosts",
            "must hold names like media.example, without http:// and without a path (is \"" + host + "\")");
  for (auto& origin : x.gateway.origins)
    if (!starts_with_any(origin, {"http://", "https://"})
        || origin.find('/', origin.find("//") + 2) != std::string::npos)
      wrong("gateway.origins", "must hold origins like http://localhost:5173, without a path");
}

} // namespace troupe::config
