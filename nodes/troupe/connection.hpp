#pragma once

// The command's own small CAF node: knocks at a coordinator's door and sends typed messages to what is behind it.

#include "nodes/link/mesh_access.hpp"
#include "nodes/troupe/session.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

namespace troupe::cli {

/// Live events as they arrive, in the order of the notifier. Filled by an actor, emptied by the command's thread.
class event_queue {
public:
  void push(const std::vector<event>& events);
  /// The node is gone: every later pop throws failure(unreachable).
  void close();
  /// Waits for events; empty when none came within `wait`.
  std::vector<event> pop(milliseconds wait);

private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<event> events_;
  bool closed_ = false;
};

class connection {
public:
  /// @param address HOST:PORT. @param papers folder with this command's certificate; empty: none. Throws failure: usage
  /// for a malformed address, unreachable when nothing answers there or the command is not let in.
  connection(const std::string& address, const std::string& papers);
  ~connection();

  const mesh::admin_handles& node() const {
    return handles_;
  }
  /// Asks and waits for the answer; throws failure with the other side's error.
  template <class Out, class Handle, class... In>
  Out ask(const Handle& to, In... message) {
    Out out;
    caf::error problem;
    self_->request(to, std::chrono::seconds{30}, std::move(message)...)
      .receive([&](Out& x) { out = std::move(x); }, [&](caf::error& x) { problem = std::move(x); });
    if (problem)
      throw failure(mesh::from_caf(problem));
    return out;
  }
  /// Live events of these topics from now on, for the life of the connection.
  std::shared_ptr<event_queue> follow(std::vector<std::string> topics);

private:
  system_clocks time_;
  std::unique_ptr<node::mesh_access> access_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<caf::scoped_actor> scope_;
  caf::blocking_actor* self_ = nullptr;
  std::vector<caf::actor> subscribers_;
  mesh::admin_handles handles_;
};

} // namespace troupe::cli
