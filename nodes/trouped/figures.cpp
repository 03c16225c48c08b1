// What this node says of itself with each renewal of its leases.

#include "actors/cluster/disk_gauge.hpp"
#include "nodes/trouped/node.hpp"

namespace troupe::node {

namespace {

cluster::disk_gauge::disk disk_of(const parts& p, std::string use, std::string folder) {
  cluster::disk_gauge::disk out;
  out.root = use;
  out.use = std::move(use);
  out.look = [files = p.files, folder = std::move(folder)]() -> result<disk_space> {
    auto found = files->space(folder);
    if (!found)
      return std::move(found).error();
    return disk_space{{}, found->total, found->available};
  };
  return out;
}

std::vector<node_link> links_of(const own_traffic& traffic) {
  std::map<std::string, node_link> out;
  auto figures = traffic.figures();
  for (auto& [peer, bytes] : figures.sent)
    out[peer].sent = bytes;
  for (auto& [peer, bytes] : figures.received)
    out[peer].received = bytes;
  std::vector<node_link> links;
  for (auto& [peer, link] : out) {
    link.peer = peer;
    links.push_back(std::move(link));
  }
  return links;
}

} // namespace

std::function<node_figures()> figures_of(const parts& p) {
  std::vector<cluster::disk_gauge::disk> disks;
  // Without it there is a folder of its own, which holds no more than the cache.
  if (!p.data_id.empty())
    disks.push_back(disk_of(p, "data", p.shared_data));
  if (!p.cache_folder.empty())
    disks.push_back(disk_of(p, "cache", p.cache_folder));
  auto gauge = std::make_shared<cluster::disk_gauge>(std::move(disks), p.disks);
  return [gauge, traffic = p.traffic] { return node_figures{gauge->next(), links_of(*traffic)}; };
}

std::function<std::string()> certificate_due(const parts& p) {
  auto& papers = p.mesh->papers();
  if (!papers)
    return {};
  return [facts = papers->facts, &time = p.clocks] { return identity::renewal_due(facts, time.wall()); };
}

} // namespace troupe::node
