#pragma once

#include "protocol/model/executor.hpp"

#include <string>
#include <vector>

namespace troupe::media {

/// Gives up, for good and for every thread, what media work never needs: opening files, sockets, programs, other
/// processes (seccomp filter), the file system and the network (Landlock), core files, new privileges, code made at run
/// time. What was open before stays usable. Call it when everything that is loaded lazily has been loaded (preload) and
/// before the first byte of media is read.
///
/// `require_all`: errc::unavailable, naming it, when the kernel or the container lacks a layer. Otherwise what there is
/// comes into force, and the answer says what that is. Also errc::unavailable when other threads run already: Landlock
/// would not hold for them.
///
/// `devices`: open device files (graphics cards) on which ioctl stays allowed, and waiting for what they tell.
result<exec::sandbox_layers> enter_sandbox(bool require_all, const std::vector<int>& devices = {});

/// For machines with graphics cards, whose drivers load files and start threads when a card is opened: a first Landlock
/// layer, under which the drivers' files can be read and these device files used. Threads that start now keep it;
/// enter_sandbox takes files from all of them by the filter, and the rest from its own thread.
void allow_drivers(const std::vector<std::string>& devices);

/// Calls that the filter refused since this was last asked, a line each ("openat, 2 times"); normal work has none. Any
/// thread.
std::vector<std::string> refused_calls();

// -- The layers one by one, for enter_sandbox.

/// The Landlock version in force, 0 when the kernel has none.
uint32_t restrict_files_and_network();
/// The same but for files below `readable`, which can be read and run, and the files `devices`, which can be used.
uint32_t restrict_to(const std::vector<std::string>& readable, const std::vector<std::string>& devices);
/// Whether the filter is in force.
bool filter_system_calls(const std::vector<int>& devices);

} // namespace troupe::media
