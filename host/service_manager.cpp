#include "host/service_manager.hpp"

#include "host/system_error.hpp"
#include "protocol/ports/fd.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace troupe::host {

namespace {

std::string take_variable(const char* name) {
  auto* value = std::getenv(name);
  std::string out = value == nullptr ? "" : value;
  ::unsetenv(name);
  return out;
}

result<int64_t> whole_number(const char* name, const std::string& text) {
  int64_t out = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc{} || end != text.data() + text.size() || out <= 0)
    return {errc::validation, std::string{name} + ": '" + text + "' must be a positive whole number"};
  return out;
}

/// 0 when it is not for us to answer.
result<milliseconds> watchdog_from(const std::string& microseconds, const std::string& pid) {
  if (microseconds.empty())
    return milliseconds{0};
  if (!pid.empty()) {
    auto whose = whole_number("WATCHDOG_PID", pid);
    if (!whose)
      return std::move(whose).error();
    if (*whose != ::getpid())
      return milliseconds{0};
  }
  auto limit = whole_number("WATCHDOG_USEC", microseconds);
  if (!limit)
    return std::move(limit).error();
  return milliseconds{std::max<int64_t>(*limit / 1000, 1)};
}

} // namespace

result<service_manager> service_manager::from_environment() {
  service_manager out;
  out.address_ = take_variable("NOTIFY_SOCKET");
  auto limit = take_variable("WATCHDOG_USEC");
  auto pid = take_variable("WATCHDOG_PID");
  if (out.address_.empty())
    return out;
  const bool abstract = out.address_[0] == '@';
  if ((!abstract && out.address_[0] != '/') || out.address_.size() < 2
      || out.address_.size() >= sizeof(sockaddr_un::sun_path))
    return {errc::validation, "NOTIFY_SOCKET: '" + out.address_ + "' is no path of a socket, and no @NAME of one"};
  auto watchdog = watchdog_from(limit, pid);
  if (!watchdog)
    return std::move(watchdog).error();
  out.watchdog_ = *watchdog;
  return out;
}

result<void> service_manager::ready(const std::string& status) const {
  auto line = status;
  std::replace(line.begin(), line.end(), '\n', ' ');
  return send("READY=1\nSTATUS=" + line);
}

result<void> service_manager::alive() const {
  return send("WATCHDOG=1");
}

result<void> service_manager::stopping() const {
  return send("STOPPING=1");
}

result<void> service_manager::send(const std::string& state) const {
  if (address_.empty())
    return {};
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (to.sun_path[0] == '@')
    to.sun_path[0] = '\0';
  // Abstract names have no terminating NUL (unix(7)).
  auto size =
    static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size() + (to.sun_path[0] == '\0' ? 0 : 1));
  unique_fd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!fd)
    return system_error(errno, "open a socket for", address_);
  // A manager that does not read must not hold the node up.
  if (::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&to),
               size)
      < 0)
    return system_error(errno, "tell the service manager at", address_);
  return {};
}

} // namespace troupe::host
