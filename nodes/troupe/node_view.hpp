#pragma once

// How nodes, and the whole cluster at a glance, look for people. No actors, no I/O.

#include "nodes/troupe/format.hpp"
#include "protocol/model/catalogue.hpp"
#include "protocol/model/node.hpp"
#include "protocol/model/worker.hpp"

#include <map>

namespace troupe::cli {

/// "draining: a new disk", "closed: is outside of its hours", "active".
std::string state_text(const node_details& x);
/// "video 1/2, images 0/4": in use of all; encodes first, then what is in use. Queues of which it takes nothing are
/// left out.
std::string slots_text(const node_details& x);
/// Of the kind that encodes: "2.1x"; empty when it was not measured.
std::string encode_speed_text(const node_details& x);
/// Names of the libraries that its workers have mounted, or of those that they have not.
std::vector<std::string> libraries_of(const node_details& x, const std::vector<library>& all, bool mounted);

/// Bytes a second over all links of a node.
struct link_rate {
  double sent = 0;
  double received = 0;
};
using link_rates = std::map<std::string, link_rate>;

/// How fast bytes move, from looks at nodes that tell their figures at intervals of their own. Actor-free.
class link_meter {
public:
  /// What moved since the look before that saw other figures; nodes with nothing to tell have no rate.
  link_rates look(const std::vector<node_details>& nodes, mono_time now);

  /// Figures that stay for longer are those of a link that is idle.
  static constexpr milliseconds idle_after{12'000};

private:
  struct figure {
    node_link last;
    mono_time changed{};
    link_rate rate;
  };
  std::map<std::string, figure> figures_;
};

/// One line a node. Columns that matter less are left out until a line fits into `width`; 0: all of them. `rates`:
/// beside the bytes in all.
std::string nodes_text(const std::vector<node_details>& nodes, const std::vector<library>& libraries, size_t width,
                       const link_rates& rates = {});
/// What went between it and others, one line each; empty when nothing did.
std::string links_text(const node_details& x, size_t width);
/// Name and value, in order, of `troupe nodes show`.
std::vector<std::pair<std::string, std::string>> node_fields(const node_details& x,
                                                             const std::vector<library>& libraries, timestamp now);
/// Who was refused, newest first; empty when nobody was.
std::string refused_text(const std::vector<refused_peer>& peers, timestamp now, size_t width);

/// What `troupe top` shows.
struct cluster_view {
  std::vector<node_details> nodes;
  /// All there are; nodes have some of them mounted.
  std::vector<library> libraries;
  std::vector<queue_stats> queues;
  /// Running ones, as they are now, and how many there are in all.
  std::vector<job> jobs;
  uint64_t running = 0;
  link_rates rates;
};

/// Lines without line feeds, none wider than `width` nor more than `height` of them; 0: no limit. `color`: headings
/// and trouble stand out.
std::vector<std::string> top_lines(const cluster_view& x, timestamp now, size_t width, size_t height, bool color);

} // namespace troupe::cli
