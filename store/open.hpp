#pragma once

// Opens the database: the only header of the room that a program includes.

#include "protocol/ports/store.hpp"

namespace troupe::store {

struct open_options {
  /// How long a call waits for a lock that another process holds before it fails with errc::unavailable.
  milliseconds busy_timeout{5'000};
  /// Commits are not synced, so that a power cut loses acknowledged work. For one purpose: a test harness shows with it
  /// that it notices lost commits. Never for a real node.
  bool synchronous_off = false;
};

/// A SQLite file, made if it does not exist (its folder must). Runs the migrations. Errors name the file:
/// errc::unavailable (locked), errc::io (unreadable, read-only, damaged), errc::storage_full, errc::conflict (made by a
/// newer version or another program, or a migration was changed), errc::validation (the path can't be used).
result<std::unique_ptr<ports::database>> open_sqlite(const std::string& path, const open_options& options = {});

/// A PostgreSQL database by libpq's connection string or URI. Runs the migrations in its current schema. While the
/// server is away each call fails with errc::unavailable, and connects again once it is back. Errors never hold the
/// connection string (it may carry a password).
result<std::unique_ptr<ports::database>> open_postgres(const std::string& dsn, const open_options& options = {});

/// "postgres://…" or "postgresql://…": PostgreSQL; "sqlite:PATH" or anything else: a SQLite file.
result<std::unique_ptr<ports::database>> open_database(const std::string& url_or_path,
                                                       const open_options& options = {});

} // namespace troupe::store
