#pragma once

#include "actors/gateway/coordinator_watch.hpp"
#include "actors/supervision/addresses.hpp"
#include "protocol/mesh/registry.hpp"

#include <functional>
#include <memory>

namespace troupe::gateway {

/// What the directory is asked for: the door of whoever is the coordinator, as a gateway enters there.
inline constexpr const char* coordinator_node = "coordinator";
inline constexpr const char* coordinator_entry = "gateway";

struct follower_config {
  /// supervision::spawn_directory's, or its stable address.
  caf::actor directory;
  /// The coordinator's actors get these addresses of this node: "dispatcher", "librarian", "catalogue", "notifier".
  std::shared_ptr<supervision::address_book> book;
  std::shared_ptr<coordinator_watch> watch;
  /// What the coordinator gave at the last look-up. Any thread.
  std::function<mesh::gateway_welcome()> last_welcome;
  /// It was found, again or for the first time: all that was known of it may be old. On the follower's thread.
  std::function<void(const mesh::gateway_welcome&)> joined;
  /// Its notifier has begun anew and knows nobody, or it was silent for a while. On the follower's thread.
  std::function<void()> follow_again;
  /// A sign of life is asked for so often; without one for `silence` the coordinator is away, until it answers again.
  milliseconds interval{1'000};
  milliseconds silence{2'500};
};

/// Role: keeps a gateway with its coordinator: has the directory find it, points the stable addresses to its actors,
/// and takes them back when it is lost, so that whoever asks is refused at once. Asks for signs of life besides: a peer
/// that is stopped or cut off is no DOWN until the connection times out, and a notifier that was restarted over there
/// none at all. Thread: a scheduler thread. Supervisor: behind the directory (rest_for_one), permanent; a new one
/// begins with everything away until the directory has told it where the coordinator is.
caf::actor spawn_follower(caf::actor_system& sys, follower_config config);

} // namespace troupe::gateway
