#pragma once

// Shared by the .cpp files of mesh_backend only: how it asks the mesh.

#include "actors/gateway/backend.hpp"
#include "protocol/model/outward_text.hpp"

#include <spdlog/spdlog.h>

namespace troupe::gateway {

/// Local message: something to run in the gateway actor.
struct posted {
  std::shared_ptr<std::function<void(caf::event_based_actor*)>> run;
};

} // namespace troupe::gateway

TROUPE_LOCAL_MESSAGE(troupe::gateway::posted)

namespace troupe::gateway {

/// A completion that is called exactly once, whatever becomes of the messages and handlers that hold it: when the last
/// of them is gone (the gateway actor died, its mailbox was dropped), it is called with errc::unavailable.
template <class T>
class once {
public:
  explicit once(ports::completion<T> done) : state_(std::make_shared<state>(std::move(done))) {
  }
  void operator()(result<T> x) const {
    state_->call(std::move(x));
  }

private:
  struct state {
    explicit state(ports::completion<T> f) : done(std::move(f)) {
    }
    ~state() {
      call(error{errc::unavailable, "the gateway was restarted; try again in a moment"});
    }
    void call(result<T> x) {
      auto f = std::exchange(done, nullptr);
      if (!f)
        return;
      try {
        f(std::move(x));
      } catch (const std::exception& e) {
        spdlog::error("gateway: an answer could not be passed on: {}", e.what());
      }
    }
    ports::completion<T> done;
  };
  std::shared_ptr<state> state_;
};

/// What `convert` makes of an answer; an exception out of it is a mistake of ours, and no end of the gateway.
template <class T, class Convert, class Answer>
result<T> converted(Convert& convert, Answer& x) {
  try {
    return convert(x);
  } catch (const std::exception& e) {
    spdlog::error("gateway: an answer can't be used: {}", e.what());
    return error{errc::internal};
  }
}

/// An error of the mesh as a client may see it: without the server's paths.
inline error for_outside(error err) {
  err.message = without_folders(err.message);
  for (auto& [field, reason] : err.fields)
    reason = without_folders(reason);
  return err;
}

/// For answers that are passed on as they are.
template <class T>
T same(T& x) {
  return std::move(x);
}

template <class Answer, class T, class Target, class Message, class Convert>
void mesh_backend::ask(Target target, Message message, ports::completion<T> done, Convert convert) {
  auto timeout = config_.timeout;
  post(
    [target, timeout, convert, done = once<T>{std::move(done)}, message = std::move(message)](act_self self) mutable {
      self->request(target, timeout, std::move(message))
        .then([done, convert](Answer& x) mutable { done(converted<T>(convert, x)); },
              [done](caf::error& e) { done(for_outside(mesh::from_caf(e))); });
    });
}

template <class Answer, class T, class Target, class Message, class Convert>
void mesh_backend::ask_coordinator(Target target, Message message, ports::completion<T> done, Convert convert) {
  if (coordinator_away())
    return once<T>{std::move(done)}(coordinator_watch::refusal());
  ask<Answer>(std::move(target), std::move(message), std::move(done), std::move(convert));
}

} // namespace troupe::gateway
