#pragma once

#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"

#include <string>

namespace troupe::host {

/// The service manager that started this process, as sd_notify(3) describes it: datagrams to the socket that
/// NOTIFY_SOCKET names. Where none is named everything succeeds and nothing is sent. One thread at a time.
class service_manager {
public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them from the environment: they are meant for this
  /// process, not for its children. Before other threads run. errc::validation when one of them makes no sense.
  static result<service_manager> from_environment();

  /// How long it bears silence before it takes this process for hung; 0: it does not watch.
  milliseconds watchdog() const noexcept {
    return watchdog_;
  }

  /// The start is complete; `status` is one line for people.
  result<void> ready(const std::string& status) const;
  /// Ends a silence.
  result<void> alive() const;
  result<void> stopping() const;

private:
  result<void> send(const std::string& state) const;

  std::string address_;
  milliseconds watchdog_{0};
};

} // namespace troupe::host
