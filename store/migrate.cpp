#include "store/migrate.hpp"

#include "store/engine.hpp"

#include <soci/soci.h>

namespace troupe::store {

namespace {

constexpr const char* history_table = "CREATE TABLE IF NOT EXISTS schema_migrations ("
                                      "version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
                                      " checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)";

result<void> check_applied(const engine& eng, std::span<const migration> known, int version,
                           const std::string& checksum) {
  if (version < 1 || static_cast<size_t>(version) > known.size())
    return {errc::conflict, eng.display_name() + " was made by a newer version of troupe (its schema is "
                              + std::to_string(version) + ", this program knows up to " + std::to_string(known.size())
                              + "): start that version, or restore a backup"};
  auto& m = known[static_cast<size_t>(version) - 1];
  if (m.checksum != checksum)
    return {errc::conflict, eng.display_name() + " was made with another text of migration " + std::to_string(version)
                              + " (" + std::string{m.name} + "): start the version that made it, or restore a backup"};
  return {};
}

/// The newest version applied, 0 for none.
result<int> check_history(soci::session& sql, const engine& eng, std::span<const migration> known) {
  int version = 0;
  std::string checksum;
  soci::statement st = (sql.prepare << "SELECT version, checksum FROM schema_migrations ORDER BY version",
                        soci::into(version), soci::into(checksum));
  st.execute();
  int newest = 0;
  while (st.fetch()) {
    TROUPE_TRY(check_applied(eng, known, version, checksum));
    newest = version;
  }
  return newest;
}

} // namespace

result<void> migrate(soci::session& sql, const engine& eng, std::span<const migration> known) {
  eng.run_script(sql, history_table);
  auto at = check_history(sql, eng, known);
  if (!at)
    return at.error();
  while (static_cast<size_t>(*at) < known.size()) {
    eng.run_script(sql, eng.begin_write());
    eng.run_script(sql, eng.lock_for_migration());
    // Another process may have been quicker.
    at = check_history(sql, eng, known);
    if (!at) {
      eng.run_script(sql, "ROLLBACK");
      return at.error();
    }
    if (static_cast<size_t>(*at) < known.size()) {
      auto& m = known[static_cast<size_t>(*at)];
      eng.run_script(sql, std::string{m.sql});
      long long version = m.version;
      long long now = to_ms(system_clocks{}.wall());
      std::string name{m.name};
      std::string checksum{m.checksum};
      sql << "INSERT INTO schema_migrations (version, name, checksum, applied_at)"
             " VALUES (:version, :name, :checksum, :now)",
        soci::use(version), soci::use(name), soci::use(checksum), soci::use(now);
      *at = m.version;
    }
    eng.run_script(sql, "COMMIT");
  }
  return {};
}

} // namespace troupe::store
