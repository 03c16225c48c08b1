#include "actors/cluster/library_watch.hpp"
#include "nodes/trouped/node.hpp"

#include <array>
#include <pwd.h>
#include <unistd.h>

namespace troupe::node {

namespace {

/// What this process runs as, for people.
std::string user_name() {
  const auto id = ::geteuid();
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(id, &entry, buffer.data(), buffer.size(), &found) == 0 && found)
    return found->pw_name;
  return std::to_string(id);
}

cluster::library_watch_config watch_settings(parts& p) {
  cluster::library_watch_config c;
  cluster::library_proof::settings how;
  how.mounts = p.mounted->mounts();
  how.user = user_name();
  how.trusted = p.settings.has_role("coordinator") || !p.data_id.empty();
  c.proof = std::make_shared<const cluster::library_proof>(p.files, std::move(how));
  c.mounted = p.mounted;
  c.coordinator = [link = p.coordinator] { return link->handles(); };
  c.offers_to = p.book->of<cluster::worker>("worker");
  c.every = p.settings.worker.library_check;
  return c;
}

} // namespace

result<void> read_mounts(parts& p) {
  auto table = cluster::mount_table::parse(p.settings.worker.mounts, p.shared_data);
  if (!table)
    return {errc::validation, "worker.mounts: " + table.error().message};
  p.mounted =
    std::make_shared<cluster::mounted_libraries>(std::move(*table), p.data_id.empty() ? std::string{} : p.shared_data);
  return {};
}

supervision::child_spec library_watch_child(parts& p) {
  supervision::child_spec out;
  out.name = "library_watch";
  out.start = [&p](caf::event_based_actor*) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(cluster::spawn_library_watch(*p.system, watch_settings(p)));
  };
  return out;
}

} // namespace troupe::node
