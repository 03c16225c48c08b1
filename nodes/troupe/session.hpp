#pragma once

// What every command gets: the global options, and the connection when it asks for one.

#include "nodes/troupe/format.hpp"
#include "protocol/model/error.hpp"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace CLI {
class App;
} // namespace CLI

namespace troupe::cli {

class connection;

/// The program's exit status; documented in `troupe --help`.
enum class exit_code : int {
  ok = 0,
  failed = 1,
  usage = 2,
  unreachable = 3,
  job_failed = 4,
  job_cancelled = 5,
  not_found = 6
};

/// Ends a command: thrown by helpers, printed by main() as "error: …". Never leaves the program's own thread.
class failure : public std::runtime_error {
public:
  failure(exit_code status, const std::string& message) : std::runtime_error(message), status_(status) {
  }
  explicit failure(const error& err);

  exit_code status() const noexcept {
    return status_;
  }

private:
  exit_code status_;
};

enum class output : uint8_t { table, wide, json, name };

class session {
public:
  session();
  ~session();

  std::string node = "127.0.0.1:3002";
  /// Folder with this command's certificate; empty: the mesh has none.
  std::string identity;
  std::string format = "table";
  /// Set by the command that was given.
  std::function<exit_code()> action;

  output form() const;
  bool json() const {
    return form() == output::json;
  }
  bool wide() const {
    return form() == output::wide;
  }
  /// Connects at the first call, and at the first after disconnect(); throws failure(unreachable).
  connection& connect();
  /// Ends the connection and what it follows.
  void disconnect();

private:
  std::unique_ptr<connection> connection_;
};

/// For what only looks on: `look` again from its beginning, on a new connection, each time the coordinator has gone
/// away in between, as it does for a restart. It calls `seen` when it has what it asked for at its beginning. Throws
/// failure(unreachable) when there was no coordinator at first, or nothing was seen again within two minutes. Says on
/// standard error what it waits for.
exit_code stay_with(session& s, const std::function<exit_code(const std::function<void()>& seen)>& look);

/// Text to standard output, with a line feed.
void print_line(std::string_view text);
/// The table, cut to the terminal unless `-o wide`; `nothing` to standard error when it has no rows.
void print_table(const session& s, const table& t, std::string_view nothing);

void add_job_commands(CLI::App& app, session& s);
void add_job_actions(CLI::App& jobs, session& s);
void add_library_commands(CLI::App& app, session& s);
void add_video_commands(CLI::App& app, session& s);
void add_profile_commands(CLI::App& app, session& s);
void add_queue_commands(CLI::App& app, session& s);
void add_node_commands(CLI::App& app, session& s);
void add_nodes_commands(CLI::App& app, session& s);
void add_top_command(CLI::App& app, session& s);
void add_event_commands(CLI::App& app, session& s);
void add_config_commands(CLI::App& app, session& s);
void add_cert_commands(CLI::App& app, session& s);
void add_doctor_command(CLI::App& app, session& s);

} // namespace troupe::cli
