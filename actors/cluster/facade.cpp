#include "actors/cluster/facade.hpp"

#include <spdlog/spdlog.h>

#include <sys/random.h>

namespace troupe::cluster {

result<caf::actor_id> unguessable_actor_id() {
  caf::actor_id out = 0;
  // So few bytes come whole or not at all; 0 is nobody's number.
  for (int tries = 0; tries < 3; ++tries)
    if (::getrandom(&out, sizeof out, 0) == sizeof out && out != 0)
      return out;
  return {errc::unavailable, "this machine has no random numbers at present; try again in a moment"};
}

facade::facade(caf::actor_config& config, admitted_peer peer, const char* name) :
  caf::event_based_actor(config), peer_(std::move(peer)), name_(name) {
}

const char* facade::name() const {
  return name_;
}

void facade::on_exit() {
  // Peers keep handles of actors that have ended.
  peer_.presence.reset();
}

caf::behavior facade::make_behavior() {
  set_down_handler([this](const caf::down_msg& x) {
    if (std::erase(vital_, x.source) > 0)
      quit();
    else
      ended(x.source);
  });
  set_default_handler([this](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
    return mesh::to_caf(not_allowed());
  });
  depend_on(caf::actor_cast<caf::actor>(std::exchange(peer_.who, nullptr)));
  return handlers();
}

void facade::depend_on(const caf::actor& what) {
  if (!what)
    return;
  vital_.push_back(what.address());
  monitor(what);
}

error facade::not_allowed() {
  if (!std::exchange(warned_, true))
    spdlog::warn("door: '{}' asks for what the {} is not for", peer_.name, name_);
  return {errc::forbidden, "the role that '" + peer_.name + "' came in with does not allow this"};
}

} // namespace troupe::cluster
