#pragma once

// What a worker and a gateway both need for files of other nodes.

#include "net/peer_papers.hpp"
#include "nodes/trouped/node.hpp"

namespace troupe::node {

/// Of this node; empty where there are no certificates.
net::peer_papers papers_of(const parts& p);

/// Where a file server takes requests that bring this ticket.
std::string file_url(const parts& p, const std::string& host, uint16_t port, const std::string& ticket);

/// Where files of other nodes are kept, and how many bytes of them.
struct cache_place {
  /// By the configuration; empty: below.
  const std::string& named;
  uint64_t max_bytes = 0;
  /// The data folder is this node's own: the cache is in it. One that is shared may be a network's.
  bool has_own_data = false;
  std::string in_data;
  /// In a folder of the user's caches, with the node's name behind it.
  std::string prefix;
};

/// A cache, and that no other process has it.
struct locked_cache {
  std::string folder;
  unique_fd lock;
  std::unique_ptr<ports::source_cache> cache;
};

/// Blocks. Leaves health.min_free on the disk, as far as it can.
result<locked_cache> open_locked_cache(const parts& p, const cache_place& place);

} // namespace troupe::node
