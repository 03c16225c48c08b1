#pragma once

// What differs between SQLite and PostgreSQL. Everything else in the room is written once.

#include "store/migrate.hpp"
#include "store/open.hpp"

#include <exception>

namespace soci {
class session;
}

namespace troupe::store {

/// `write` is the one writer's; `migrate` writes, too, beside it.
enum class access : uint8_t { write, migrate, read };

/// A failure on its way to the port's boundary, where connection::run turns it into a result.
struct failure {
  troupe::error error;
};

/// What went wrong, without the statement and its values that SOCI adds: they are long, and nobody's business.
std::string message_of(const std::exception& what);

/// Held while a writer is open, so that there is no second one.
class writer_lock {
public:
  virtual ~writer_lock() = default;
};

/// Shared by all connections of a database; immutable, thread safe.
class engine {
public:
  virtual ~engine() = default;
  virtual std::string_view kind() const noexcept = 0;
  /// For messages: the file, or the database's name and host.
  virtual const std::string& display_name() const noexcept = 0;
  virtual std::span<const migration> migrations() const noexcept = 0;

  /// Opens `sql` and sets it up. Throws `failure` or what SOCI throws.
  virtual void connect(soci::session& sql, access how) const = 0;
  /// Several statements without parameters. Throws like connect.
  virtual void run_script(soci::session& sql, const std::string& script) const = 0;
  virtual const char* begin_write() const noexcept = 0;
  /// A snapshot that all statements up to COMMIT see.
  virtual const char* begin_read() const noexcept = 0;
  /// Run after begin_write by a migration: nobody else migrates until its commit.
  virtual const char* lock_for_migration() const noexcept = 0;
  /// `sql` is the session that threw (it may be unconnected).
  virtual error translate(const std::exception& what, soci::session& sql) const = 0;

  /// Text as the database can hold it, and back; the same bytes come back, whatever they are.
  virtual void encode_text(std::string& text) const = 0;
  virtual void decode_text(std::string& text) const = 0;
  /// The same for columns of bytes (paths).
  virtual void encode_bytes(std::string& bytes) const = 0;
  virtual void decode_bytes(std::string& bytes) const = 0;
  /// Conditions and order for reading videos by path in byte order; `:from` and `:after` are the same bytes.
  virtual const char* path_after() const noexcept = 0;
  virtual const char* path_order() const noexcept = 0;

  /// errc::conflict when this process has a writer of the same database already. Other processes are kept out of an
  /// SQLite database by the lock of the data folder, of a PostgreSQL database when the writer connects.
  virtual result<std::unique_ptr<writer_lock>> lock_writer() const = 0;
};

result<std::shared_ptr<const engine>> make_sqlite_engine(const std::string& path, const open_options& options);
result<std::shared_ptr<const engine>> make_postgresql_engine(const std::string& dsn, const open_options& options);

} // namespace troupe::store
