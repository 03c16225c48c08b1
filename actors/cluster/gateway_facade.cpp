#include "actors/cluster/gateway_facade.hpp"

#include "actors/cluster/client_facade.hpp"

namespace troupe::cluster {

namespace {

class gateway_facade final : public client_facade {
public:
  gateway_facade(caf::actor_config& config, admitted_peer peer, const mesh::gateway_handles& behind) :
    client_facade(config, std::move(peer), "gateway_facade", desks_of(behind, behind.events)), files_(behind.files) {
  }

protected:
  caf::message_handler own_handlers() override {
    return {[this](mesh::read_file& x) {
      if (peer().certified)
        x.node = peer().name;
      return ask<mesh::file_grant>(files_, std::move(x));
    }};
  }

private:
  const mesh::file_reader files_;
};

} // namespace

result<mesh::gateway_handles> open_gateway_facade(caf::actor_system& system, admitted_peer peer,
                                                  mesh::gateway_handles behind) {
  auto made = spawn_unguessable<gateway_facade>(system, std::move(peer), std::move(behind));
  if (!made)
    return std::move(made).error();
  mesh::gateway_handles out;
  set_desks(out, *made);
  out.events = caf::actor_cast<mesh::event_source>(*made);
  out.files = caf::actor_cast<mesh::file_reader>(*made);
  return out;
}

} // namespace troupe::cluster
