#pragma once

#include "actors/media/executor_pool.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <memory>
#include <string>

namespace troupe::bench {

/// A worker's executors in a program of their own, as a node has them: one actor thread, which sleeps when there is
/// nothing to do. They end with the object. Ends the program with a message when they can't be started.
class running_executors {
public:
  /// `program`: troupe-executor.
  running_executors(const std::string& program, uint32_t count);
  ~running_executors();
  running_executors(const running_executors&) = delete;
  running_executors& operator=(const running_executors&) = delete;

  /// Thread safe; the operation's callbacks run on the actors' thread. An id is given to it.
  void submit(work::executor_operation operation);
  /// Waits for the answer. The outputs that the operation asks for are made in `folder`.
  work::executor_answer ask(work::executor_operation operation, const std::string& folder = {});

private:
  struct config : caf::actor_system_config {
    config();
  };
  config config_;
  caf::actor_system system_;
  system_clocks time_;
  work::executor_pool pool_;
};

work::shared_fd open_shared(const std::string& path, int flags);

} // namespace troupe::bench
