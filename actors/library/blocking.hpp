#pragma once

// Runs one blocking function in a detached actor and hands its result to a continuation in the caller's context.

#include "protocol/mesh/local.hpp"

#include <functional>
#include <memory>

namespace troupe::catalogue {

struct blocking_call {
  std::shared_ptr<std::function<error()>> work;
};

} // namespace troupe::catalogue

TROUPE_LOCAL_MESSAGE(troupe::catalogue::blocking_call)

namespace troupe::catalogue {

/// `work` runs on a thread of its own (or, for the deterministic scheduler of tests, in the scheduler) and returns
/// errc::none for success; `then` runs in `self` afterwards.
template <class Self>
void run_blocking(Self self, bool detached, std::function<error()> work, std::function<void(const error&)> then) {
  auto once = [](caf::event_based_actor* worker) -> caf::behavior {
    return {[worker](const blocking_call& x) {
      worker->quit();
      return (*x.work)();
    }};
  };
  auto helper = detached ? self->template spawn<caf::detached>(once) : self->spawn(once);
  self->request(helper, caf::infinite, blocking_call{std::make_shared<std::function<error()>>(std::move(work))})
    .then([then](const error& e) { then(e); }, [then](caf::error& e) { then(mesh::from_caf(e)); });
}

} // namespace troupe::catalogue
