#pragma once

// What a peer is handed instead of the coordinator's own actors (ADR 011): an actor of its own that passes on the
// messages of its role and knows no others.

#include "protocol/mesh/registry.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace troupe::cluster {

/// Who was let in at the door.
struct admitted_peer {
  /// As its certificate says; without certificates as it calls itself.
  std::string name;
  /// There is a certificate that says so.
  bool certified = false;
  /// Who knocked. It ends with the process that it is in, and with the connection to that.
  caf::strong_actor_ptr who;
  /// Ends with its facade, for who counts them; may be nullptr.
  std::shared_ptr<const void> presence{};
};

/// The number by which peers reach an actor, made so that nobody can guess it: CAF counts, and delivers what comes for
/// a number whoever sends it. errc::unavailable when the machine has no random bytes.
result<caf::actor_id> unguessable_actor_id();

/// Sender of all that its peer hears, and the only one who knows what is behind it. Answers are passed through its
/// mailbox, so they and what else the peer is told keep their order. Not statically typed, since compilers take minutes
/// for so many messages in one type: what is not among its handlers is answered errc::forbidden.
class facade : public caf::event_based_actor {
public:
  facade(caf::actor_config& config, admitted_peer peer, const char* name);

  const char* name() const override;
  void on_exit() override;

protected:
  virtual caf::message_handler handlers() = 0;
  /// One that is monitored, but nothing depends on it.
  virtual void ended(const caf::actor_addr&) {
  }

  caf::behavior make_behavior() final;

  const admitted_peer& peer() const noexcept {
    return peer_;
  }

  /// The facade ends with it. Nothing happens for no actor.
  void depend_on(const caf::actor& what);

  /// Asks in the peer's place. Without a limit of its own: the peer has one, and stable addresses answer for who dies.
  template <class Answer, class Handle, class... Ts>
  caf::typed_response_promise<Answer> ask(const Handle& whom, Ts&&... xs) {
    auto reply = make_response_promise<Answer>();
    request(whom, caf::infinite, std::forward<Ts>(xs)...)
      .then([reply](Answer& x) mutable { reply.deliver(std::move(x)); },
            [reply](caf::error& e) mutable { reply.deliver(std::move(e)); });
    return reply;
  }

  template <class Answer>
  caf::typed_response_promise<Answer> refuse(const error& why) {
    auto reply = make_response_promise<Answer>();
    reply.deliver(mesh::to_caf(why));
    return reply;
  }

  /// The handler of a message that is passed on as it is.
  template <class Message, class Answer, class Handle>
  auto passes(Handle to) {
    return [this, to](Message& x) { return ask<Answer>(to, std::move(x)); };
  }

private:
  error not_allowed();

  admitted_peer peer_;
  const char* name_;
  std::vector<caf::actor_addr> vital_;
  bool warned_ = false;
};

/// Begins an actor that can only be reached by who was given its handle. errc::unavailable: see unguessable_actor_id.
template <class Actor, class... Ts>
result<caf::actor> spawn_unguessable(caf::actor_system& system, Ts&&... xs) {
  auto id = unguessable_actor_id();
  if (!id)
    return std::move(id).error();
  caf::actor_config config{system.dummy_execution_unit()};
  auto out = caf::make_actor<Actor, caf::actor>(*id, system.node(), &system, config, std::forward<Ts>(xs)...);
  static_cast<Actor*>(caf::actor_cast<caf::abstract_actor*>(out))->launch(config.host, false, false);
  return out;
}

} // namespace troupe::cluster
