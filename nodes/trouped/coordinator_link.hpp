#pragma once

#include "nodes/config/settings.hpp"
#include "nodes/link/mesh_access.hpp"
#include "nodes/trouped/places_in_turn.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace troupe::node {

/// How this process reaches the coordinator: handles that are known at once (it is in this process), or the door of
/// another one at HOST:PORT, looked up afresh each time. Thread safe.
class coordinator_link {
public:
  /// In this process.
  explicit coordinator_link(mesh::worker_handles local);
  /// At one of these addresses, tried in turn from the one that answered last; `name` is told at the door. Look-ups run
  /// on threads of their own: connecting blocks.
  coordinator_link(caf::actor_system& system, std::shared_ptr<const mesh_access> access,
                   std::vector<config::host_port> places, std::string name);
  /// Waits for look-ups that are under way.
  ~coordinator_link();
  coordinator_link(const coordinator_link&) = delete;
  coordinator_link& operator=(const coordinator_link&) = delete;

  /// Blocks until the coordinator let us in, at most this long; what it waits for is logged. errc::cancelled when
  /// `given_up` says between two attempts that nobody wants it any longer.
  result<void> connect(milliseconds limit, const std::function<bool()>& given_up);
  /// Calls back once, on any thread, with fresh handles.
  void find(std::function<void(result<mesh::job_worker>)> done);
  /// Of the look-up that was begun last.
  mesh::worker_handles handles() const;
  /// Where the coordinator is, as this node calls it; empty when it is in this process.
  std::string host() const;

private:
  uint64_t next_turn();
  result<mesh::worker_handles> knock(uint64_t turn);

  caf::actor_system* system_ = nullptr;
  std::shared_ptr<const mesh_access> access_;
  places_in_turn places_;
  std::string name_;
  mutable std::mutex mutex_;
  mesh::worker_handles handles_;
  /// Of the look-up that was begun last.
  uint64_t turn_ = 0;
  size_t look_ups_ = 0;
  std::condition_variable look_up_ended_;
};

} // namespace troupe::node
