#pragma once

#include "protocol/model/time.hpp"
#include "protocol/ports/root_threads.hpp"

#include <memory>

namespace troupe::host {

struct root_threads_options {
  /// Of each root.
  size_t threads = 2;
  /// Tasks of begin() that wait for one.
  size_t most_waiting = 64;
  /// A task that is at it for longer hangs.
  milliseconds patience{10'000};
  /// A thread with nothing to do ends.
  milliseconds idle{10'000};
  /// How long the destructor waits for what runs.
  milliseconds end_grace{500};
};

/// ports::root_threads on threads that are started on demand and for which nobody waits in the end: destruction drops
/// what waits, gives what runs a moment, and leaves behind what hangs.
class root_threads final : public ports::root_threads {
public:
  explicit root_threads(root_threads_options options = {});
  ~root_threads() override;
  root_threads(const root_threads&) = delete;
  root_threads& operator=(const root_threads&) = delete;

  result<void> begin(const std::string& root, std::function<void()> task) override;
  result<void> go_on(const std::string& root, std::function<void()> task) override;

  /// Threads that are there now, those that hang among them.
  size_t count() const;

private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

} // namespace troupe::host
