#pragma once

#include "protocol/model/node.hpp"
#include "protocol/model/worker.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace troupe::dispatch {

/// What nodes say of themselves that no job is placed by: their roles, the room on their disks, and the bytes that went
/// between them. A transfer is told by the node that served it and shown at both ends; the figures of a node that began
/// anew begin anew. Actor-free; not thread safe.
class node_reports {
public:
  /// By a worker of a node. Another one of the node for which `is_here` is false has been replaced by it. The nodes at
  /// whose links something has changed.
  std::set<std::string> said(const worker_hello& x, const std::function<bool(worker_id)>& is_here);
  std::set<std::string> said(const std::string& node, worker_id worker, node_figures x);

  /// `x`: as the queue knows the node.
  void add_to(node_details& x) const;
  /// Of other nodes what they said is forgotten.
  void keep_only(const std::set<std::string>& names);

private:
  struct report {
    std::vector<std::string> roles;
    node_figures figures;
  };
  /// Adds what a node says of its links, or takes it away.
  void count(const std::string& node, const std::vector<node_link>& links, bool add);
  void forget(const std::string& node, const report& x);

  /// By the name of the node.
  std::map<std::string, std::map<worker_id, report>> reports_;
  /// By the names of both ends, as the first sees it.
  std::map<std::string, std::map<std::string, node_link>> links_;
};

} // namespace troupe::dispatch
