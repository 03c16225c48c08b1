#pragma once

// Stable addresses: a handle per child name that stays the same while the child restarts. Known before the child is
// started, so that siblings can be built with each other's handles.

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace troupe::supervision {

/// What a relay does while its child is away.
struct relay_limits {
  /// Messages that wait for the next child; a request over it is answered errc::unavailable at once, another message
  /// is dropped.
  size_t max_waiting = 1000;
  /// A request that waited so long is answered errc::unavailable, another message is dropped.
  std::chrono::milliseconds max_wait{5'000};
  /// Requests in the child that are watched, so that its death answers them; further ones rely on their own timeout.
  size_t max_in_flight = 100'000;
};

class relay;

/// The relays of one process by child name; shared by all its supervisors. Thread safe. Lives as long as any
/// supervisor_config or supervisor that holds it.
class address_book {
public:
  explicit address_book(caf::actor_system& sys, relay_limits limits = {});
  ~address_book();
  address_book(const address_book&) = delete;
  address_book& operator=(const address_book&) = delete;

  /// The address of the child of this name, made on first use. The caller answers for the type of the handle.
  template <class Handle = caf::actor>
  Handle of(const std::string& child_name) {
    return caf::actor_cast<Handle>(handle_of(child_name));
  }

  /// Messages go to this child from now on, those that waited first. Its death disconnects it by itself.
  void connect(const std::string& child_name, const caf::actor& child);
  /// Messages wait from now on. What is in flight is still answered, or fails when the child dies.
  void disconnect(const std::string& child_name);
  /// No child will come: everything is answered errc::unavailable until the next connect.
  void retire(const std::string& child_name);
  /// Ends all addresses: who monitors one gets its DOWN, everything sent there is answered errc::unavailable.
  void close();

private:
  caf::actor handle_of(const std::string& child_name);
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::supervision
