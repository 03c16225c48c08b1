#include "store/engine.hpp"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>

namespace troupe::store {

namespace {

/// "TRUP": file(1) and we ourselves tell a database of ours by it.
constexpr int application_id = 0x54525550;

sqlite_api::sqlite3* handle(soci::session& sql) {
  auto* backend = static_cast<soci::sqlite3_session_backend*>(sql.get_backend());
  return backend ? backend->conn_ : nullptr;
}

using file_identity = std::pair<dev_t, ino_t>;

std::mutex writers_mutex;
/// Files with an open writer in this process.
std::set<file_identity> writers;

class sqlite_writer_lock final : public writer_lock {
public:
  explicit sqlite_writer_lock(file_identity file) : file_(file) {
  }
  ~sqlite_writer_lock() override {
    std::lock_guard guard{writers_mutex};
    writers.erase(file_);
  }

private:
  file_identity file_;
};

/// SQLite tells a write beyond a quota or a file size limit as any other failed write, and loses errno on the way.
bool no_room_for(const std::string& path) {
  constexpr uint64_t one_commit = 1 << 20;
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) == 0 && disk.f_bavail * disk.f_frsize < one_commit / 16)
    return true;
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return false;
  for (auto* suffix : {"", "-wal"}) {
    struct stat info {};
    if (::stat((path + suffix).c_str(), &info) == 0
        && static_cast<uint64_t>(info.st_size) + one_commit > static_cast<uint64_t>(limit.rlim_cur))
      return true;
  }
  return false;
}

/// For all connections of the process, and before the first of them: each belongs to one thread at a time (the port says
/// so), so SQLite's own locks and the statistics of its allocator only cost. Once SQLite is in use this changes nothing.
void set_up_library() {
  [[maybe_unused]] static const bool done = [] {
    sqlite_api::sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite_api::sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    return true;
  }();
}

class sqlite_engine final : public engine {
public:
  sqlite_engine(std::string path, const open_options& options) :
    path_(std::move(path)), name_("the database " + path_), options_(options) {
  }

  std::string_view kind() const noexcept override {
    return "sqlite";
  }
  const std::string& display_name() const noexcept override {
    return name_;
  }
  std::span<const migration> migrations() const noexcept override {
    return sqlite_migrations();
  }
  const char* begin_write() const noexcept override {
    // A deferred BEGIN would take the lock at the first write, and fail without waiting when it holds a snapshot.
    return "BEGIN IMMEDIATE";
  }
  const char* begin_read() const noexcept override {
    return "BEGIN";
  }
  const char* lock_for_migration() const noexcept override {
    return "";
  }
  void encode_text(std::string&) const override {
  }
  void decode_text(std::string&) const override {
  }
  void encode_bytes(std::string&) const override {
  }
  void decode_bytes(std::string&) const override {
  }
  const char* path_after() const noexcept override {
    return "path >= :from AND path > :after";
  }
  const char* path_order() const noexcept override {
    return "path";
  }

  void connect(soci::session& sql, access how) const override;
  void run_script(soci::session& sql, const std::string& script) const override;
  error translate(const std::exception& what, soci::session& sql) const override;
  result<std::unique_ptr<writer_lock>> lock_writer() const override;

private:
  void set_up_file(soci::session& sql) const;
  error explain(int code, int system_error, const char* text) const;

  std::string path_;
  std::string name_;
  open_options options_;
};

void sqlite_engine::connect(soci::session& sql, access how) const {
  // The file name travels in SOCI's key="value" syntax, which has no escape for a quote (make_sqlite_engine refuses
  // it).
  sql.open(soci::sqlite3, "dbname=\"" + path_ + "\"" + (how == access::read ? " readonly=true" : ""));
  sqlite_api::sqlite3_busy_timeout(handle(sql), static_cast<int>(options_.busy_timeout.count()));
  if (how != access::read)
    set_up_file(sql);
  run_script(sql, "PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF");
}

void sqlite_engine::set_up_file(soci::session& sql) const {
  int id = 0;
  int objects = 0;
  sql << "PRAGMA application_id", soci::into(id);
  sql << "SELECT count(*) FROM sqlite_master", soci::into(objects);
  if (id != application_id) {
    if (id != 0 || objects != 0)
      throw failure{{errc::conflict, path_ + " is a database of another program: name another file"}};
    run_script(sql, "PRAGMA application_id = " + std::to_string(application_id));
  }
  // FULL: the log is synced at each commit, before it is acknowledged.
  run_script(sql, std::string{"PRAGMA journal_mode = WAL; PRAGMA synchronous = "}
                    + (options_.synchronous_off ? "OFF" : "FULL")
                    + "; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000;"
                      " PRAGMA journal_size_limit = 67108864");
}

void sqlite_engine::run_script(soci::session& sql, const std::string& script) const {
  auto* db = handle(sql);
  int code = sqlite_api::sqlite3_exec(db, script.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK)
    throw failure{explain(sqlite_api::sqlite3_extended_errcode(db), sqlite_api::sqlite3_system_errno(db),
                          sqlite_api::sqlite3_errmsg(db))};
}

error sqlite_engine::translate(const std::exception& what, soci::session& sql) const {
  auto* known = dynamic_cast<const soci::sqlite3_soci_error*>(&what);
  if (!known)
    return {errc::internal, name_ + ": " + message_of(what)};
  int code = known->result();
  int system_error = 0;
  if (auto* db = sql.is_connected() ? handle(sql) : nullptr) {
    // The extended code, unless another statement has overwritten it since.
    int extended = sqlite_api::sqlite3_extended_errcode(db);
    if ((extended & 0xFF) == (code & 0xFF))
      code = extended;
    system_error = sqlite_api::sqlite3_system_errno(db);
  }
  return explain(code, system_error, message_of(what).c_str());
}

error sqlite_engine::explain(int code, int system_error, const char* text) const {
  std::string detail = std::string{" ("} + text + ")";
  bool full = system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
  switch (code & 0xFF) {
  case SQLITE_FULL:
    full = true;
    break;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return {errc::unavailable, name_ + " is locked by another process: stop what else uses it"};
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return {errc::io,
            name_ + " is damaged or not a database: restore a backup, or move it away to start empty" + detail};
  case SQLITE_CANTOPEN:
    if (!full)
      return {errc::io, name_ + " can't be opened: its folder must exist and be writable for this user" + detail};
    break;
  case SQLITE_READONLY:
  case SQLITE_PERM:
    return {errc::io, name_ + " is read-only: make the file and its folder writable for this user" + detail};
  case SQLITE_CONSTRAINT:
    if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
      return {errc::conflict, "a key is taken already" + detail};
    return {errc::internal, name_ + " refused a row" + detail};
  case SQLITE_TOOBIG:
    return {errc::too_large, name_ + " can't hold a value of this size" + detail};
  case SQLITE_IOERR:
    break;
  default:
    return {errc::internal, name_ + ": " + text};
  }
  if (full || no_room_for(path_))
    return {errc::storage_full, "no space is left for " + name_ + ": free some on its disk, nothing was written"};
  auto cause = system_error ? std::string{": "} + std::strerror(system_error) : std::string{};
  return {errc::io, "reading or writing " + name_ + " failed" + cause + ": check its disk" + detail};
}

result<std::unique_ptr<writer_lock>> sqlite_engine::lock_writer() const {
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0)
    return {errc::io, name_ + " is gone: " + std::strerror(errno)};
  file_identity file{info.st_dev, info.st_ino};
  std::lock_guard guard{writers_mutex};
  if (!writers.insert(file).second)
    return {errc::conflict, name_ + " has a writer already: only one may be open"};
  return std::unique_ptr<writer_lock>{std::make_unique<sqlite_writer_lock>(file)};
}

} // namespace

result<std::shared_ptr<const engine>> make_sqlite_engine(const std::string& path, const open_options& options) {
  if (path.empty() || path.find('"') != std::string::npos || path.find('\0') != std::string::npos)
    return {errc::validation, "a database file's name must not be empty and must not hold a quotation mark: " + path};
  set_up_library();
  return std::shared_ptr<const engine>{std::make_shared<sqlite_engine>(path, options)};
}

} // namespace troupe::store
