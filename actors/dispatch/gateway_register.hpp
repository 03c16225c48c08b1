#pragma once

#include "protocol/model/node.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace troupe::dispatch {

/// Which gateways of other nodes are here, and which were lately. No job is placed by it. Actor-free. Any thread: a
/// gateway ends on its facade's, and whoever starts anew, the door or the dispatcher, finds all that are here.
class gateway_register : public std::enable_shared_from_this<gateway_register> {
public:
  explicit gateway_register(std::shared_ptr<const clock> time = std::make_shared<const system_clocks>());

  /// Called from now on with the name of each node whose first gateway came or whose last one left, on the thread on
  /// which it did; must not block.
  void tell(std::function<void(const std::string&)> changed);

  /// A gateway of this node is here until the end of what is returned. `software`: version of its program.
  std::shared_ptr<const void> came(const std::string& name, std::string software);

  bool is_here(const std::string& name) const;
  /// Nodes to be listed: that have a gateway here, or had one within missed_for.
  std::set<std::string> names() const;
  /// What is known of the node's gateway. `x` is as the queue knows the node, without its roles where it has no worker.
  void add_to(node_details& x) const;

  /// A node that went away is still told of, so that people miss it: but not one that was taken out of the cluster.
  static constexpr milliseconds missed_for{24 * 3'600'000};
  /// Without certificates a peer calls itself as it likes.
  static constexpr size_t most = 1'000;

private:
  struct gateway {
    /// Of its processes and their connections.
    size_t here = 0;
    std::string software;
    timestamp joined;
    mono_time left{};
  };
  void leaves(const std::string& name);
  void forget_old();
  bool listed(const gateway& x) const;

  const std::shared_ptr<const clock> time_;
  mutable std::mutex mutex_;
  std::map<std::string, gateway> gateways_;
  std::function<void(const std::string&)> changed_;
};

} // namespace troupe::dispatch
