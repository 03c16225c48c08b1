#include "actors/supervision/relay.hpp"

#include <caf/make_actor.hpp>

#include <map>
#include <mutex>

namespace troupe::supervision {

struct address_book::impl {
  impl(caf::actor_system& s, relay_limits l) : sys(s), limits(l) {
  }

  relay& at(const std::string& name) {
    return *static_cast<relay*>(caf::actor_cast<caf::abstract_actor*>(find(name)));
  }

  caf::actor find(const std::string& name) {
    std::lock_guard guard{lock};
    auto& entry = relays[name];
    if (!entry) {
      caf::actor_config cfg;
      entry = caf::make_actor<relay, caf::actor>(sys.next_actor_id(), sys.node(), &sys, cfg, name, limits);
    }
    return entry;
  }

  caf::actor_system& sys;
  const relay_limits limits;
  std::mutex lock;
  std::map<std::string, caf::actor> relays;
};

address_book::address_book(caf::actor_system& sys, relay_limits limits) : impl_(std::make_unique<impl>(sys, limits)) {
}

address_book::~address_book() {
  close();
}

caf::actor address_book::handle_of(const std::string& child_name) {
  return impl_->find(child_name);
}

void address_book::connect(const std::string& child_name, const caf::actor& child) {
  impl_->at(child_name).connect(child);
}

void address_book::disconnect(const std::string& child_name) {
  impl_->at(child_name).disconnect();
}

void address_book::retire(const std::string& child_name) {
  impl_->at(child_name).retire();
}

void address_book::close() {
  std::map<std::string, caf::actor> all;
  {
    std::lock_guard guard{impl_->lock};
    all = impl_->relays;
  }
  for (auto& [name, handle] : all)
    static_cast<relay*>(caf::actor_cast<caf::abstract_actor*>(handle))->close();
}

} // namespace troupe::supervision
