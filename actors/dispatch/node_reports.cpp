#include "actors/dispatch/node_reports.hpp"

#include <algorithm>

namespace troupe::dispatch {

namespace {

// A worker says what it likes, and people read it.
constexpr size_t most_roles = 8;
constexpr size_t most_disks = 16;
constexpr size_t most_links = 10'000;
constexpr size_t longest_name = 200;

void keep_bounded(std::vector<std::string>& roles) {
  std::erase_if(roles, [](auto& x) { return x.empty() || x.size() > longest_name; });
  std::sort(roles.begin(), roles.end());
  roles.erase(std::unique(roles.begin(), roles.end()), roles.end());
  roles.resize(std::min(roles.size(), most_roles));
}

/// Without certificates peers have no names; what a node fetches from itself goes over no link.
void keep_bounded(const std::string& node, node_figures& x) {
  std::erase_if(x.disks, [](auto& disk) { return disk.use.empty() || disk.use.size() > longest_name; });
  x.disks.resize(std::min(x.disks.size(), most_disks));
  std::erase_if(x.links,
                [&](auto& link) { return link.peer.empty() || link.peer == node || link.peer.size() > longest_name; });
  auto by_peer = [](auto& a, auto& b) { return a.peer < b.peer; };
  auto same_peer = [](auto& a, auto& b) { return a.peer == b.peer; };
  std::stable_sort(x.links.begin(), x.links.end(), by_peer);
  x.links.erase(std::unique(x.links.begin(), x.links.end(), same_peer), x.links.end());
  x.links.resize(std::min(x.links.size(), most_links));
}

/// Both ends of each link that one of the two has and the other has not, or otherwise.
std::set<std::string> ends_of_changed(const std::string& node, const std::vector<node_link>& before,
                                      const std::vector<node_link>& after) {
  std::set<std::string> out;
  auto compare = [&](const auto& these, const auto& those) {
    for (auto& link : these) {
      auto by_peer = [](auto& a, auto& b) { return a.peer < b.peer; };
      auto at = std::lower_bound(those.begin(), those.end(), link, by_peer);
      if (at == those.end() || *at != link)
        out.insert({node, link.peer});
    }
  };
  compare(before, after);
  compare(after, before);
  return out;
}

/// Of two processes of a node the smaller figure: it is what can be relied on.
void add_disk(std::vector<disk_space>& to, const disk_space& x) {
  auto same = std::find_if(to.begin(), to.end(), [&](auto& known) { return known.use == x.use; });
  if (same == to.end())
    to.push_back(x);
  else if (x.free < same->free)
    *same = x;
}

} // namespace

std::set<std::string> node_reports::said(const worker_hello& x, const std::function<bool(worker_id)>& is_here) {
  std::set<std::string> out;
  auto& of_node = reports_[x.node_name];
  for (auto i = of_node.begin(); i != of_node.end();) {
    if (i->first == x.id || is_here(i->first)) {
      ++i;
      continue;
    }
    out.merge(ends_of_changed(x.node_name, i->second.figures.links, {}));
    forget(x.node_name, i->second);
    i = of_node.erase(i);
  }
  auto& roles = of_node[x.id].roles;
  roles = x.roles;
  keep_bounded(roles);
  out.merge(said(x.node_name, x.id, x.figures));
  return out;
}

std::set<std::string> node_reports::said(const std::string& node, worker_id worker, node_figures x) {
  keep_bounded(node, x);
  auto& known = reports_[node][worker].figures;
  auto out = ends_of_changed(node, known.links, x.links);
  if (!out.empty()) {
    count(node, known.links, false);
    count(node, x.links, true);
  }
  known = std::move(x);
  return out;
}

void node_reports::count(const std::string& node, const std::vector<node_link>& links, bool add) {
  // What is taken away was added before, so nothing falls below zero.
  auto change = [&](const std::string& from, const std::string& to, uint64_t sent, uint64_t received) {
    auto& peers = links_[from];
    auto& x = peers[to];
    x.peer = to;
    x.sent = add ? x.sent + sent : x.sent - sent;
    x.received = add ? x.received + received : x.received - received;
    if (!add && x.sent == 0 && x.received == 0)
      peers.erase(to);
    if (peers.empty())
      links_.erase(from);
  };
  for (auto& x : links) {
    change(node, x.peer, x.sent, x.received);
    change(x.peer, node, x.received, x.sent);
  }
}

void node_reports::forget(const std::string& node, const report& x) {
  count(node, x.figures.links, false);
}

void node_reports::add_to(node_details& x) const {
  auto& name = x.rules.name;
  if (auto links = links_.find(name); links != links_.end())
    for (auto& [_, link] : links->second)
      x.links.push_back(link);
  auto of_node = reports_.find(name);
  if (of_node == reports_.end())
    return;
  for (auto& [worker, report] : of_node->second) {
    const bool here = std::find(x.workers.begin(), x.workers.end(), worker) != x.workers.end();
    // Of one that is away, what it was.
    if (!here && !x.workers.empty())
      continue;
    x.roles.insert(x.roles.end(), report.roles.begin(), report.roles.end());
    if (here)
      for (auto& disk : report.figures.disks)
        add_disk(x.disks, disk);
  }
  keep_bounded(x.roles);
}

void node_reports::keep_only(const std::set<std::string>& names) {
  std::erase_if(reports_, [&](auto& of_node) {
    if (names.contains(of_node.first))
      return false;
    for (auto& [_, report] : of_node.second)
      forget(of_node.first, report);
    return true;
  });
}

} // namespace troupe::dispatch
