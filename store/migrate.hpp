#pragma once

#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"

#include <span>

namespace soci {
class session;
}

namespace troupe::store {

class engine;

/// One file of store/migrations, embedded by the build.
struct migration {
  int version = 0;
  std::string_view name;
  /// SHA-256 of the file, in hex.
  std::string_view checksum;
  std::string_view sql;
};

std::span<const migration> sqlite_migrations() noexcept;
std::span<const migration> postgresql_migrations() noexcept;

/// Applies what is missing, in order, one transaction each. errc::conflict when the database has a migration that the
/// program does not know, or one that was changed since it was applied. Throws what SOCI throws.
result<void> migrate(soci::session& sql, const engine& eng, std::span<const migration> known);

} // namespace troupe::store
