#pragma once

// Where the load comes from: reports of the progress of running jobs, as each side's server takes them in.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace troupe::bench {

/// Nanoseconds of CLOCK_MONOTONIC: reporter and clients share the machine, so they share it.
int64_t now_ns();

class report_source {
public:
  virtual ~report_source() = default;
  /// Topics of the jobs that it reports on: "job:<id>".
  virtual const std::vector<std::string>& topics() const = 0;
  /// Sends one report of that job; its message is "t=<now_ns()>;", taken just before it is sent.
  virtual void report(size_t job, double fraction) = 0;
  /// Keeps what has to be kept alive; called at least every few seconds.
  virtual void keep_alive() = 0;
};

/// A worker of Troupe: joins over BASP at this port with room for `jobs` no-op jobs, submits them, and holds them
/// running. `identity`: folder of a certificate for worker and admin named "live_load"; empty: without TLS. Ends the
/// program with a message when it is not let in. The jobs' leases are its own: nothing else may run jobs there.
std::unique_ptr<report_source> make_mesh_source(uint16_t port, size_t jobs, const std::string& identity);

/// One WebSocket connection to the Node servers, path /reports: {"topic","progress","message"} a report.
std::unique_ptr<report_source> make_socket_source(uint16_t port, size_t jobs);

} // namespace troupe::bench
