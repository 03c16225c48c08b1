#include "actors/cluster/admin_facade.hpp"

#include "actors/cluster/client_facade.hpp"

namespace troupe::cluster {

namespace {

class admin_facade final : public client_facade {
public:
  admin_facade(caf::actor_config& config, admitted_peer peer, mesh::admin_handles behind) :
    client_facade(config, std::move(peer), "admin_facade", desks_of(behind, behind.notifier)),
    behind_(std::move(behind)) {
  }

protected:
  caf::message_handler own_handlers() override {
    auto& to = behind_;
    return {
      [this](mesh::publish_events& x) { send(behind_.notifier, std::move(x)); },
      passes<mesh::get_health, health_report>(to.health),
      passes<mesh::get_cache_stats, mesh::cache_stats>(to.cache),
      passes<mesh::get_tree, mesh::tree>(to.root),
      passes<mesh::scan_batch, mesh::done>(to.librarian),
      passes<mesh::get_known_files, mesh::known_file_list>(to.catalogue),
    };
  }

private:
  const mesh::admin_handles behind_;
};

} // namespace

result<mesh::admin_handles> open_admin_facade(caf::actor_system& system, admitted_peer peer,
                                              mesh::admin_handles behind) {
  auto made = spawn_unguessable<admin_facade>(system, std::move(peer), std::move(behind));
  if (!made)
    return std::move(made).error();
  mesh::admin_handles out;
  set_desks(out, *made);
  out.notifier = caf::actor_cast<mesh::notifier>(*made);
  out.health = caf::actor_cast<mesh::health>(*made);
  out.cache = caf::actor_cast<mesh::cache>(*made);
  out.root = caf::actor_cast<mesh::supervisor>(*made);
  return out;
}

} // namespace troupe::cluster
