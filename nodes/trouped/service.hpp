#pragma once

#include "host/service_manager.hpp"
#include "nodes/trouped/node.hpp"

#include <csignal>

namespace troupe::node {

/// Blocks until one of `signals` (blocked in all threads) other than SIGHUP arrives, and returns it. Meanwhile the
/// manager's watchdog hears from this node as often as it wants to, but only while the root supervisor answers: it runs
/// in the same loop as every other actor, so its silence means that the node is stuck.
int wait_for_signal(parts& p, const sigset_t& signals, const host::service_manager& manager);

} // namespace troupe::node
