// Connections never take the last descriptors of a process.
//
// caf_io 0.17.6 accepts as long as there are any: files, databases and children find none then. And when there are
// none, the connection that can't be accepted wakes it again and again.

#include "nodes/link/interposed/real.hpp"

#include <caf/io/network/native_socket.hpp>
#include <caf/policy/tcp.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <limits>

namespace {

/// New descriptors have the lowest free number: one from here on means that seven of eight are in use.
int first_reserved() {
  rlimit x{};
  if (::getrlimit(RLIMIT_NOFILE, &x) != 0 || x.rlim_cur > static_cast<rlim_t>(std::numeric_limits<int>::max()))
    return std::numeric_limits<int>::max();
  return static_cast<int>(x.rlim_cur - x.rlim_cur / 8);
}

/// Kept for when there are no others. Of the thread that accepts.
int& spare() {
  static int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return fd;
}

/// Takes who waits off the queue, and hangs up.
void turn_away(int listener) {
  if (spare() >= 0)
    ::close(spare());
  if (const int who = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); who >= 0)
    ::close(who);
  spare() = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

} // namespace

namespace caf::policy {

bool tcp::try_accept(io::network::native_socket& accepted, io::network::native_socket listener) {
  static auto* const libcaf = troupe::node::real<bool(io::network::native_socket&, io::network::native_socket)>(
    "_ZN3caf6policy3tcp10try_acceptERii");
  spare();
  if (!libcaf(accepted, listener)) {
    turn_away(listener);
    return false;
  }
  if (accepted < first_reserved())
    return true;
  ::close(accepted);
  accepted = io::network::invalid_native_socket;
  return false;
}

} // namespace caf::policy
