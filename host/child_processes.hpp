#pragma once

#include "protocol/ports/child_process.hpp"

#include <memory>

namespace troupe::host {

/// The children of this process behind ports::child_processes, on one thread of its own (epoll over sockets and
/// pidfds). Fails only when the kernel refuses the epoll or event descriptor (errc::unavailable).
///
/// - A child gets /dev/null as standard input and output, our standard error, its end of the channel as descriptor 3
///   and nothing else; a process group of its own; default signals; and of our environment only what child_environment
///   names, so that no secret reaches a program that reads hostile media.
/// - posix_spawn can't set limits: they are put on the running child before its handle is returned, hence before it can
///   be sent a request. What it does before that is its own start.
/// - A child that closes its channel has one second to exit, then it is killed.
/// - Its exit is told after its whole process group was killed and itself reaped. peak_memory is the kernel's maximum
///   resident size, which is never less than ours was at the spawn.
/// - Destroy it on any thread but its own: it kills every process group, reaps, tells the exits and joins its thread.
result<std::shared_ptr<ports::child_processes>> start_child_processes();

} // namespace troupe::host
