#include "nodes/trouped/service.hpp"

#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <ctime>

namespace troupe::node {

namespace {

/// SIGHUP means nothing to a node. 0 when none came in time.
int signal_within(const sigset_t& signals, milliseconds limit) {
  const timespec time{limit.count() / 1000, limit.count() % 1000 * 1'000'000};
  auto out = ::sigtimedwait(&signals, nullptr, &time);
  return out < 0 || out == SIGHUP ? 0 : out;
}

bool answers(parts& p, milliseconds limit) {
  caf::scoped_actor self{*p.system};
  bool out = false;
  self->request(p.root, limit, mesh::get_tree{}).receive([&](const mesh::tree&) { out = true; }, [](caf::error&) {});
  return out;
}

} // namespace

int wait_for_signal(parts& p, const sigset_t& signals, const host::service_manager& manager) {
  // Wait and answer together: half of what the manager bears.
  const auto step = std::max(manager.watchdog() / 4, milliseconds{1});
  for (;;) {
    const auto limit = manager.watchdog().count() > 0 ? step : milliseconds{3'600'000};
    if (auto signal = signal_within(signals, limit))
      return signal;
    if (manager.watchdog().count() == 0)
      continue;
    if (!answers(p, step))
      spdlog::error("watchdog: the node's actors did not answer within {} ms", step.count());
    else if (auto told = manager.alive(); !told)
      spdlog::error("watchdog: {}", told.error().message);
  }
}

} // namespace troupe::node
