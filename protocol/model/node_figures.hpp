#pragma once

// What a node says of itself with each renewal of its leases: the room on its disks, and what went between it and
// others.

#include <cstdint>
#include <string>
#include <vector>

namespace troupe {

/// A file system that a node writes to, in bytes.
struct disk_space {
  /// What it is for: "data", "cache".
  std::string use;
  uint64_t total = 0;
  /// What a job could still write.
  uint64_t free = 0;

  bool operator==(const disk_space&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, disk_space& x) {
  return f(x.use, x.total, x.free);
}

/// Bytes of files that went between a node and another one since the process of the node that serves them began.
struct node_link {
  /// Name of the other node.
  std::string peer;
  uint64_t sent = 0;
  uint64_t received = 0;

  bool operator==(const node_link&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, node_link& x) {
  return f(x.peer, x.sent, x.received);
}

struct node_figures {
  std::vector<disk_space> disks;
  /// Of the files that it serves itself: each transfer is counted at one end only. By peer, each once.
  std::vector<node_link> links;

  bool operator==(const node_figures&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, node_figures& x) {
  return f(x.disks, x.links);
}

} // namespace troupe
