#pragma once

// A generic supervisor: starts its children in order, restarts those that crash by its strategy, gives up when they
// crash too often, and stops them in reverse order. A supervisor can be the child of another (sub_supervisor).
//
//   auto book = std::make_shared<address_book>(sys);
//   supervisor_config root{.name = "node", .addresses = book};
//   root.children.push_back({.name = "journal", .start = [=](auto* self) { return start_journal(self, …); }});
//   root.children.push_back({.name = "dispatcher", .start = [=](auto* self) -> caf::expected<caf::actor> {
//     return caf::actor_cast<caf::actor>(self->spawn(dispatcher, book->of<journal_actor>("journal")));
//   }});
//   auto top = spawn_supervisor(sys, std::move(root));
//   …
//   auto stopped = stop_supervisor(sys, top, 30s);

#include "actors/supervision/addresses.hpp"
#include "actors/supervision/supervision_plan.hpp"
#include "protocol/mesh/actors.hpp"
#include "protocol/model/result.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/expected.hpp>

#include <functional>

namespace troupe::supervision {

struct child_spec {
  /// Unique in the process: it names the address too.
  std::string name = {};
  restart_kind kind = restart_kind::permanent;
  /// Makes the actor; runs in the supervisor, so it must not block. An error or an exception counts as a crash.
  /// Kept for restarts: whatever it captures by value lives as long as the supervisor.
  std::function<caf::expected<caf::actor>(caf::event_based_actor* supervisor)> start = {};
  /// From the exit message to the kill.
  milliseconds grace{5'000};
  /// The child calls signal_ready once it can serve; those after it are started only then.
  bool awaits_ready = false;
  /// A child that has not said so by then is stopped and counts as crashed. 0: no limit.
  milliseconds ready_timeout{30'000};
  /// False: no address in the book (children that nobody writes to).
  bool stable_address = true;
  /// It is a supervisor itself: its subtree is shown in the tree. Set by sub_supervisor().
  bool is_supervisor = false;
};

struct supervisor_config {
  std::string name = {};
  supervision::strategy strategy = strategy::one_for_one;
  supervision::backoff backoff = {};
  supervision::intensity intensity = {};
  std::vector<child_spec> children = {};
  /// Shared by the whole tree; made by spawn_supervisor if empty. The top supervisor closes it when it ends.
  std::shared_ptr<address_book> addresses = {};
  /// For jitter; empty: seeded by the machine.
  random_source random = {};
};

/// Starts a top supervisor. It ends by stop_supervisor, by an exit message from anyone, or with an error that names the
/// child when the restart intensity is exceeded; all its children are down by then.
mesh::supervisor spawn_supervisor(caf::actor_system& sys, supervisor_config config);

/// A supervisor as a child of another. An escalation of it is a crash in the eyes of its parent. Its grace is the sum
/// of its children's and a second.
child_spec sub_supervisor(supervisor_config config, restart_kind kind = restart_kind::permanent);

/// Called by a child with awaits_ready, in its own thread; `supervisor` is what its start function was given.
void signal_ready(caf::local_actor* child, const caf::actor& supervisor);

/// Stops a top supervisor and waits until everything below it is down. Blocks: never in an actor.
/// errc::timeout: something did not end within the grace although it was killed; the message names no more than the
/// supervisor, the log names the child.
result<void> stop_supervisor(caf::actor_system& sys, const mesh::supervisor& top, milliseconds grace);

/// "one_for_one", "permanent", for people.
std::string_view to_string(strategy how) noexcept;
std::string_view to_string(restart_kind kind) noexcept;

} // namespace troupe::supervision
