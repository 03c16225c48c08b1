#include "nodes/trouped/gateway_entry.hpp"

namespace troupe::node {

namespace {

constexpr std::chrono::seconds knock_timeout{5};

} // namespace

gateway_entry::gateway_entry(caf::actor_system& system, std::shared_ptr<const mesh_access> access,
                             std::vector<config::host_port> places, std::string name,
                             std::shared_ptr<gateway::coordinator_watch> watch) :
  system_(system),
  access_(std::move(access)), places_(std::move(places)), name_(std::move(name)), watch_(std::move(watch)) {
}

result<mesh::gateway_welcome> gateway_entry::enter() {
  auto out = places_.enter_first([this](const config::host_port& at) {
    return access_->enter_as_gateway(system_, at.host, at.port, name_, knock_timeout);
  });
  if (out) {
    std::lock_guard guard{mutex_};
    last_ = *out;
  } else {
    watch_->not_found(out.error());
  }
  return out;
}

mesh::gateway_welcome gateway_entry::last() const {
  std::lock_guard guard{mutex_};
  return last_;
}

} // namespace troupe::node
