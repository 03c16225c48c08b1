#include "store/engine.hpp"
#include "store/text.hpp"

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

#include <mutex>
#include <set>

namespace troupe::store {

namespace {

PGconn* handle(soci::session& sql) {
  auto* backend = static_cast<soci::postgresql_session_backend*>(sql.get_backend());
  return backend ? backend->conn_ : nullptr;
}

struct parsed_dsn {
  /// As keyword='value' pairs.
  std::string connect;
  std::string display_name;
};

std::string quoted(std::string_view value) {
  std::string out = "'";
  for (char c : value) {
    if (c == '\'' || c == '\\')
      out += '\\';
    out += c;
  }
  return out + "'";
}

result<parsed_dsn> parse(const std::string& dsn) {
  // libpq's message quotes parts of the string, and with them perhaps the password: it is not passed on.
  auto* options = PQconninfoParse(dsn.c_str(), nullptr);
  if (!options)
    return {errc::validation, "the PostgreSQL connection string can't be read: write postgresql://user@host/database"};
  parsed_dsn out;
  std::string database = "(default)";
  std::string host = "the local machine";
  bool has_timeout = false;
  for (auto* o = options; o->keyword; ++o) {
    if (!o->val || !*o->val)
      continue;
    std::string_view key{o->keyword};
    if (key == "dbname")
      database = o->val;
    else if (key == "host" || key == "hostaddr")
      host = o->val;
    else if (key == "connect_timeout")
      has_timeout = true;
    // Ours is not the user's to choose: text goes over the wire as UTF-8.
    if (key != "client_encoding")
      out.connect += std::string{key} + "=" + quoted(o->val) + " ";
  }
  PQconninfoFree(options);
  if (!has_timeout)
    out.connect += "connect_timeout=5 ";
  out.connect += "client_encoding=UTF8 fallback_application_name=troupe tcp_user_timeout=10000 keepalives_idle=10";
  out.display_name = "the PostgreSQL database " + database + " at " + host;
  return out;
}

/// SQLSTATE of a lock that was not had within lock_timeout.
constexpr std::string_view lock_not_available = "55P03";

std::mutex writers_mutex;
/// Connection strings with an open writer in this process.
std::set<std::string> writers;

class postgresql_writer_lock final : public writer_lock {
public:
  explicit postgresql_writer_lock(std::string key) : key_(std::move(key)) {
  }
  ~postgresql_writer_lock() override {
    std::lock_guard guard{writers_mutex};
    writers.erase(key_);
  }

private:
  std::string key_;
};

class postgresql_engine final : public engine {
public:
  postgresql_engine(parsed_dsn dsn, const open_options& options) : dsn_(std::move(dsn)), options_(options) {
  }

  std::string_view kind() const noexcept override {
    return "postgresql";
  }
  const std::string& display_name() const noexcept override {
    return dsn_.display_name;
  }
  std::span<const migration> migrations() const noexcept override {
    return postgresql_migrations();
  }
  const char* begin_write() const noexcept override {
    return "BEGIN";
  }
  const char* begin_read() const noexcept override {
    return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  }
  const char* lock_for_migration() const noexcept override {
    return "LOCK TABLE schema_migrations IN EXCLUSIVE MODE";
  }
  void encode_text(std::string& text) const override {
    escape_to_utf8(text);
  }
  void decode_text(std::string& text) const override {
    unescape_from_utf8(text);
  }
  void encode_bytes(std::string& bytes) const override;
  void decode_bytes(std::string& bytes) const override;
  const char* path_after() const noexcept override {
    // The index holds the first 1000 bytes (migration 2).
    return "substring(path FROM 1 FOR 1000) >= substring(CAST(:from AS BYTEA) FROM 1 FOR 1000)"
           " AND path > CAST(:after AS BYTEA)";
  }
  const char* path_order() const noexcept override {
    return "substring(path FROM 1 FOR 1000), path";
  }

  void connect(soci::session& sql, access how) const override;
  void run_script(soci::session& sql, const std::string& script) const override;
  error translate(const std::exception& what, soci::session& sql) const override;
  result<std::unique_ptr<writer_lock>> lock_writer() const override;

private:
  void keep_others_out(soci::session& sql) const;
  error explain(std::string_view sqlstate, bool connected, const std::string& text) const;

  parsed_dsn dsn_;
  open_options options_;
};

void postgresql_engine::connect(soci::session& sql, access how) const {
  sql.open(soci::postgresql, dsn_.connect);
  run_script(sql, "SET client_min_messages = warning; SET bytea_output = hex; SET standard_conforming_strings = on;"
                  " SET extra_float_digits = 1;"
                  " SET lock_timeout = "
                    + std::to_string(options_.busy_timeout.count()));
  if (how == access::read)
    run_script(sql, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY");
  else
    run_script(sql, std::string{"SET synchronous_commit = "} + (options_.synchronous_off ? "off" : "on"));
  if (how == access::write)
    keep_others_out(sql);
}

/// Two coordinators on one database would undo each other's work. Held by the session, so it goes with it; the server
/// may take a moment to notice that the one before is gone.
void postgresql_engine::keep_others_out(soci::session& sql) const {
  try {
    sql << "SELECT pg_advisory_lock(hashtext('troupe writer'), hashtext(current_schema()))";
  } catch (const soci::postgresql_soci_error& e) {
    if (e.sqlstate() != lock_not_available)
      throw;
    throw failure{{errc::unavailable, "another coordinator writes to " + dsn_.display_name
                                        + ": stop it, or give this one a database of its own"}};
  }
}

void postgresql_engine::run_script(soci::session& sql, const std::string& script) const {
  auto* db = handle(sql);
  auto* answer = PQexec(db, script.c_str());
  auto status = PQresultStatus(answer);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
    auto* state = answer ? PQresultErrorField(answer, PG_DIAG_SQLSTATE) : nullptr;
    failure f{explain(state ? state : "", PQstatus(db) == CONNECTION_OK, PQerrorMessage(db))};
    PQclear(answer);
    throw f;
  }
  PQclear(answer);
}

error postgresql_engine::translate(const std::exception& what, soci::session& sql) const {
  auto* db = sql.is_connected() ? handle(sql) : nullptr;
  bool connected = db && PQstatus(db) == CONNECTION_OK;
  if (auto* known = dynamic_cast<const soci::postgresql_soci_error*>(&what))
    return explain(known->sqlstate(), connected, message_of(what));
  if (dynamic_cast<const soci::soci_error*>(&what) && !connected)
    return explain("", false, message_of(what));
  return {errc::internal, dsn_.display_name + ": " + message_of(what)};
}

error postgresql_engine::explain(std::string_view sqlstate, bool connected, const std::string& text) const {
  auto detail = " (" + text.substr(0, text.find('\n')) + ")";
  auto begins = [&](std::string_view cls) { return sqlstate.substr(0, cls.size()) == cls; };
  // An error that the server did not send has no state: the connection broke, even if libpq has not noticed yet. Then
  // connection exceptions, "shutting down", "starting up", "too many connections", locks that were not had in time.
  if (!connected || sqlstate.empty() || sqlstate[0] < '0' || begins("08") || begins("57P") || begins("53300")
      || begins(lock_not_available))
    return {errc::unavailable, dsn_.display_name + " is away: start it, the connection comes back by itself" + detail};
  if (begins("40") || begins("57014"))
    return {errc::unavailable, dsn_.display_name + " gave up a transaction, try again" + detail};
  if (begins("23505"))
    return {errc::conflict, "a key is taken already" + detail};
  if (begins("53100"))
    return {errc::storage_full, "no space is left for " + dsn_.display_name + ": free some on its disk" + detail};
  if (begins("25006"))
    return {errc::io, dsn_.display_name + " is read-only: connect to the primary server" + detail};
  if (begins("42501") || begins("28"))
    return {errc::forbidden, dsn_.display_name + " refuses this user: grant it the rights on its schema" + detail};
  if (begins("54"))
    return {errc::too_large, dsn_.display_name + " can't hold a value of this size" + detail};
  if (begins("58") || begins("XX"))
    return {errc::io, dsn_.display_name + " failed: see its log" + detail};
  return {errc::internal, dsn_.display_name + " refused a statement" + detail};
}

void postgresql_engine::encode_bytes(std::string& bytes) const {
  constexpr char digits[] = "0123456789abcdef";
  std::string out = "\\x";
  out.reserve(2 + bytes.size() * 2);
  for (char c : bytes) {
    out += digits[static_cast<uint8_t>(c) >> 4];
    out += digits[static_cast<uint8_t>(c) & 15];
  }
  bytes = std::move(out);
}

void postgresql_engine::decode_bytes(std::string& bytes) const {
  auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (size_t i = 2; i + 1 < bytes.size(); i += 2)
    out += static_cast<char>(value(bytes[i]) << 4 | value(bytes[i + 1]));
  bytes = std::move(out);
}

result<std::unique_ptr<writer_lock>> postgresql_engine::lock_writer() const {
  std::lock_guard guard{writers_mutex};
  if (!writers.insert(dsn_.connect).second)
    return {errc::conflict, dsn_.display_name + " has a writer already: only one may be open"};
  return std::unique_ptr<writer_lock>{std::make_unique<postgresql_writer_lock>(dsn_.connect)};
}

} // namespace

result<std::shared_ptr<const engine>> make_postgresql_engine(const std::string& dsn, const open_options& options) {
  auto parsed = parse(dsn);
  if (!parsed)
    return parsed.error();
  return std::shared_ptr<const engine>{std::make_shared<postgresql_engine>(std::move(*parsed), options)};
}

} // namespace troupe::store
