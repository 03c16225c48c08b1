// What a peer can do beside sending the messages that are Troupe's.
//
// caf_io 0.17.6 delivers whatever a peer puts into a message. An exit message or an error that nobody has asked for
// ends the actor that gets it, whatever that would do with messages of its own; a link ends it when the peer says that
// its side has ended. So who has a certificate, or reaches a plain mesh, ended the door as often as its supervisor
// started it anew, until that gave up. What one peer addresses to another is passed on, and of every node that a peer
// speaks of an actor is kept that asks it for what it can spawn.
//
// None of that is needed: Troupe's nodes send one another only messages of their own, and no node speaks through
// another.

#include "nodes/link/interposed/real.hpp"

#include <caf/all.hpp>
#include <caf/io/basp/instance.hpp>
#include <caf/io/basp/message_queue.hpp>
#include <caf/io/basp/routing_table.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/system_messages.hpp>

#include <atomic>
#include <cstdio>

namespace {

/// What CAF's actors act upon by themselves, and only their own system may tell them.
bool is_systems_own(const caf::mailbox_element& x, const caf::strong_actor_ptr& receiver) {
  auto& content = x.content();
  if (content.match_elements<caf::exit_msg>() || content.match_elements<caf::down_msg>()
      || content.match_elements<caf::timeout_msg>() || content.match_elements<caf::open_stream_msg>())
    return true;
  // An answer by way of a relay (actors/supervision), which is no actor of that kind, has the number of its question.
  return content.match_elements<caf::error>() && !x.mid.is_response() && receiver
         && dynamic_cast<caf::local_actor*>(receiver->get());
}

void tell_once() {
  static std::atomic_flag told;
  if (!told.test_and_set())
    std::fputs("mesh: a peer sends what only CAF may tell its actors; that is dropped\n", stderr);
}

} // namespace

namespace caf {

void monitorable_actor::add_link(abstract_actor* other) {
  static auto* const libcaf = troupe::node::real<void(monitorable_actor*, abstract_actor*)>(
    "_ZN3caf17monitorable_actor8add_linkEPNS_14abstract_actorE");
  // A peer's actor is to take one of ours with it.
  if (node() != home_system().node())
    return tell_once();
  libcaf(this, other);
}

} // namespace caf

namespace caf::io {

void basp_broker::learned_new_node(const node_id&) {
  // Nobody spawns actors on other nodes.
}

} // namespace caf::io

namespace caf::io::basp {

void message_queue::push(execution_unit* context, uint64_t id, strong_actor_ptr receiver, mailbox_element_ptr content) {
  static auto* const libcaf =
    troupe::node::real<void(message_queue*, execution_unit*, uint64_t, strong_actor_ptr, mailbox_element_ptr)>(
      "_ZN3caf2io4basp13message_queue4pushEPNS_14execution_unitEmNS_13intrusive_ptrINS_19actor_control_blockEEE"
      "St10unique_ptrINS_15mailbox_elementENS_6detail8disposerEE");
  if (content && is_systems_own(*content, receiver)) {
    tell_once();
    // Its turn passes without it.
    receiver = nullptr;
    content = nullptr;
  }
  libcaf(this, context, id, std::move(receiver), std::move(content));
}

void instance::forward(execution_unit*, const node_id&, const header&, std::vector<char>&) {
  // For another node: it has a connection of its own to whom it works with.
}

bool routing_table::add_indirect(const node_id&, const node_id&) {
  // No node is reached through another, whatever node a peer speaks of.
  return false;
}

} // namespace caf::io::basp
