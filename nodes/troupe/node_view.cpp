#include "nodes/troupe/node_view.hpp"

#include "nodes/troupe/event_view.hpp"
#include "protocol/model/encoders.hpp"
#include "protocol/model/housekeeping.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>

namespace troupe::cli {

namespace {

std::string decimal(double x, const char* unit = "") {
  char buf[48];
  std::snprintf(buf, sizeof(buf), "%.1f%s", x, unit);
  return buf;
}

std::string joined(const std::vector<std::string>& xs) {
  std::string out;
  for (auto& x : xs)
    out += (out.empty() ? "" : ", ") + x;
  return out;
}

/// Also of a gateway, which has no worker.
bool is_here(const node_details& x) {
  return standing(x) != "away";
}

node_link sum_of_links(const node_details& x) {
  node_link out;
  for (auto& link : x.links) {
    out.sent += link.sent;
    out.received += link.received;
  }
  return out;
}

/// "1.2 GiB, 12.3 MiB/s"; empty without links.
std::string moved_text(const node_details& x, uint64_t node_link::*bytes, double rate) {
  if (x.links.empty())
    return {};
  auto out = format_bytes(sum_of_links(x).*bytes);
  return rate < 1 ? out : out + ", " + format_bytes(static_cast<uint64_t>(rate)) + "/s";
}

std::string disks_text(const node_details& x) {
  std::string out;
  for (auto& disk : x.disks)
    out +=
      (out.empty() ? "" : ", ") + disk.use + " " + format_bytes(disk.free) + " free of " + format_bytes(disk.total);
  return out;
}

std::string cores_text(const node_details& x) {
  return x.tokens.cores == 0 ? "" : decimal(x.in_use.cores / 1000.0) + "/" + decimal(x.tokens.cores / 1000.0);
}

std::string memory_text(const node_details& x) {
  auto gib = [](uint32_t mib) { return decimal(mib / 1024.0); };
  return x.tokens.memory_mib == 0 ? "" : gib(x.in_use.memory_mib) + "/" + gib(x.tokens.memory_mib) + " GiB";
}

std::string heard_text(const node_details& x) {
  return x.workers.empty() ? "" : format_duration(x.silent);
}

std::string where_text(const node_details& x) {
  if (!is_here(x))
    return "";
  if (is_housekeeper(x.kinds))
    return "housekeeping";
  return x.embedded ? "embedded" : "remote";
}

/// A "!" where it is not the coordinator's.
std::string software_text(const node_details& x) {
  return x.software + (x.other_software ? " !" : "");
}

std::string encoders_text(const node_details& x) {
  std::string out;
  for (auto& one : x.capabilities)
    if (auto name = encoder_of(one); !name.empty())
      out += (out.empty() ? "" : ", ") + std::string{name};
  return out;
}

std::string other_capabilities(const node_details& x) {
  auto rest = x.capabilities;
  std::erase_if(rest, [](auto& one) { return !encoder_of(one).empty(); });
  return joined(rest);
}

struct column {
  const char* header;
  std::function<std::string(const node_details&)> cell;
};

constexpr size_t slots_column = 2;

/// From the most to the least important.
std::vector<column> columns_of(const std::vector<library>& libraries, const link_rates& rates) {
  auto rate = [rates](const node_details& x) {
    auto i = rates.find(x.rules.name);
    return i == rates.end() ? link_rate{} : i->second;
  };
  return {
    {"NAME", [](auto& x) { return x.rules.name; }},
    {"STATE", state_text},
    {"SLOTS", slots_text},
    {"RUNNING", [](auto& x) { return std::to_string(x.running); }},
    {"CORES", cores_text},
    {"ENCODE", encode_speed_text},
    {"RECEIVED", [rate](auto& x) { return moved_text(x, &node_link::received, rate(x).received); }},
    {"SENT", [rate](auto& x) { return moved_text(x, &node_link::sent, rate(x).sent); }},
    {"ROLES", [](auto& x) { return joined(x.roles); }},
    {"HEARD", heard_text},
    {"VERSION", software_text},
    {"MEMORY", memory_text},
    {"SCORE", [](auto& x) { return decimal(x.score); }},
    {"WHERE", where_text},
    {"LIBRARIES", [libraries](auto& x) { return joined(libraries_of(x, libraries, true)); }},
  };
}

size_t widest_line(std::string_view text) {
  size_t out = 0;
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    out = std::max(out, display_width(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string hours_text(const node_details& x) {
  std::string out;
  for (auto& h : x.rules.hours)
    out += (out.empty() ? "" : "; ") + to_text(h);
  return out.empty() ? "always" : out;
}

std::string said_slots(const node_details& x) {
  std::string out;
  for (auto& [queue, n] : x.rules.slots)
    out += (out.empty() ? "" : ", ") + queue + " " + std::to_string(n);
  return out;
}

} // namespace

std::string state_text(const node_details& x) {
  std::string out{standing(x)};
  if (out == "closed")
    return out + ": "
           + (x.closed.empty()              ? "it gets no new work"
              : x.closed.starts_with("is ") ? x.closed.substr(3)
                                            : x.closed);
  return x.rules.reason.empty() ? out : out + ": " + x.rules.reason;
}

std::string slots_text(const node_details& x) {
  std::string out;
  using entry = std::pair<std::string, node_slots>;
  std::vector<entry> queues;
  for (auto& one : x.queues)
    if (one.second.slots > 0 || one.second.used > 0)
      queues.push_back(one);
  auto rank = [](const entry& q) { return q.first == "video" ? 0 : q.second.used > 0 ? 1 : 2; };
  std::stable_sort(queues.begin(), queues.end(), [&](auto& a, auto& b) { return rank(a) < rank(b); });
  for (auto& [queue, n] : queues)
    out += (out.empty() ? "" : ", ") + queue + " " + std::to_string(n.used) + "/" + std::to_string(n.slots);
  return out;
}

std::string encode_speed_text(const node_details& x) {
  for (auto kind : {"encode_chunk", "transcode"})
    if (auto i = x.speeds.find(kind); i != x.speeds.end())
      return decimal(i->second, "x");
  return {};
}

std::vector<std::string> libraries_of(const node_details& x, const std::vector<library>& all, bool mounted) {
  std::vector<std::string> out;
  for (auto& one : all) {
    auto wanted = library_capability(one.id);
    auto has = std::find(x.capabilities.begin(), x.capabilities.end(), wanted) != x.capabilities.end();
    if (has == mounted)
      out.push_back(one.name);
  }
  return out;
}

std::string nodes_text(const std::vector<node_details>& nodes, const std::vector<library>& libraries, size_t width,
                       const link_rates& rates) {
  for (auto columns = columns_of(libraries, rates);; columns.pop_back()) {
    std::vector<std::string> headers;
    for (auto& c : columns)
      headers.emplace_back(c.header);
    table t{headers};
    for (auto& x : nodes) {
      std::vector<std::string> cells;
      for (auto& c : columns)
        cells.push_back(c.cell(x));
      t.row(std::move(cells));
    }
    // Others go before what a node has room for is cut.
    if (columns.size() > slots_column)
      t.spare(slots_column, columns.size() > slots_column + 1);
    auto text = t.render(width);
    if (width == 0 || columns.size() <= 2 || widest_line(text) <= width)
      return text;
  }
}

std::vector<std::pair<std::string, std::string>> node_fields(const node_details& x,
                                                             const std::vector<library>& libraries, timestamp now) {
  std::string speeds;
  for (auto& [kind, speed] : x.speeds)
    speeds += (speeds.empty() ? "" : ", ") + kind + " " + decimal(speed);
  auto& r = x.rules;
  return {
    {"Name", r.name},
    {"State", state_text(x)},
    {"Since", is_set(r.since) ? format_age(r.since, now) : ""},
    {"New work", !is_here(x)        ? "no: it is away"
                 : x.closed.empty() ? "yes"
                                    : "no: it " + x.closed},
    {"Roles", joined(x.roles)},
    {"Next probe", r.by_score ? "in " + format_duration(x.next_probe) : ""},
    {"Where", where_text(x)},
    {"Workers", std::to_string(x.workers.size())},
    {"Protocol", !is_here(x) ? "" : std::to_string(worker_protocol_version)},
    {"Version", x.software + (x.other_software ? " (the coordinator has another one)" : "")},
    {"Serves files", x.file_address},
    {"Joined", !is_here(x) ? "" : format_age(x.joined, now)},
    {"Heard", x.workers.empty() ? "" : format_duration(x.silent) + " ago"},
    {"Slots", slots_text(x)},
    {"Slots set", said_slots(x)},
    {"Weight", std::to_string(r.weight) + "%"},
    {"Hours", hours_text(x)},
    {"Cores", cores_text(x)},
    {"Memory", memory_text(x)},
    {"GPU sessions", x.tokens.gpu_sessions == 0
                       ? ""
                       : std::to_string(x.in_use.gpu_sessions) + "/" + std::to_string(x.tokens.gpu_sessions)},
    {"Disks", disks_text(x)},
    {"Running", std::to_string(x.running)},
    {"Speeds", speeds},
    {"Score", decimal(x.score)},
    {"Kinds", joined(x.kinds)},
    {"Encoders", encoders_text(x)},
    {"Capabilities", other_capabilities(x)},
    {"Libraries", joined(libraries_of(x, libraries, true))},
    {"Not mounted", x.workers.empty() ? "" : joined(libraries_of(x, libraries, false))},
  };
}

std::string links_text(const node_details& x, size_t width) {
  if (x.links.empty())
    return {};
  table t{{"LINK", "RECEIVED", "SENT"}};
  for (auto& link : x.links)
    t.row({link.peer, format_bytes(link.received), format_bytes(link.sent)});
  return t.render(width);
}

link_rates link_meter::look(const std::vector<node_details>& nodes, mono_time now) {
  link_rates out;
  std::map<std::string, figure> next;
  for (auto& node : nodes) {
    const auto sum = sum_of_links(node);
    auto known = figures_.find(node.rules.name);
    auto x = known == figures_.end() ? figure{sum, now, {}} : known->second;
    // A server that began anew counts anew.
    if (sum.sent < x.last.sent || sum.received < x.last.received) {
      x = {sum, now, {}};
    } else if (sum != x.last && now > x.changed) {
      const auto seconds = static_cast<double>((now - x.changed).count()) / 1000;
      x.rate = {static_cast<double>(sum.sent - x.last.sent) / seconds,
                static_cast<double>(sum.received - x.last.received) / seconds};
      x.last = sum;
      x.changed = now;
    } else if (now - x.changed >= idle_after) {
      // What moves next has not been moving since then.
      x.rate = {};
      x.changed = now - idle_after / 2;
    }
    if (x.rate.sent > 0 || x.rate.received > 0)
      out[node.rules.name] = x.rate;
    next[node.rules.name] = std::move(x);
  }
  figures_ = std::move(next);
  return out;
}

std::string refused_text(const std::vector<refused_peer>& peers, timestamp now, size_t width) {
  if (peers.empty())
    return {};
  table t{{"REFUSED", "ROLE", "LAST", "TIMES", "REASON"}};
  for (auto& x : peers)
    t.row({x.name, x.role, format_age(x.when, now), std::to_string(x.times), x.reason});
  return t.render(width);
}

} // namespace troupe::cli
