#include "store/open.hpp"

#include "store/connection.hpp"
#include "store/migrate.hpp"
#include "store/writer.hpp"

namespace troupe::store {

namespace {

class opened_database final : public ports::database {
public:
  explicit opened_database(std::shared_ptr<const engine> eng) : engine_(std::move(eng)) {
  }
  std::string_view kind() const noexcept override {
    return engine_->kind();
  }
  result<std::unique_ptr<ports::store_writer>> open_writer() override {
    return make_writer(engine_);
  }
  result<std::unique_ptr<ports::store_reader>> open_reader() override {
    return make_reader(engine_);
  }

private:
  std::shared_ptr<const engine> engine_;
};

result<std::unique_ptr<ports::database>> open(result<std::shared_ptr<const engine>> eng) {
  if (!eng)
    return eng.error();
  connection conn{*eng, access::migrate};
  TROUPE_TRY(conn.run([&](soci::session& sql) { return migrate(sql, **eng, (*eng)->migrations()); }));
  return std::unique_ptr<ports::database>{std::make_unique<opened_database>(*eng)};
}

} // namespace

result<std::unique_ptr<ports::database>> open_sqlite(const std::string& path, const open_options& options) {
  return open(make_sqlite_engine(path, options));
}

result<std::unique_ptr<ports::database>> open_postgres(const std::string& dsn, const open_options& options) {
  return open(make_postgresql_engine(dsn, options));
}

result<std::unique_ptr<ports::database>> open_database(const std::string& url_or_path, const open_options& options) {
  auto begins = [&](std::string_view prefix) {
    return std::string_view{url_or_path}.substr(0, prefix.size()) == prefix;
  };
  if (begins("postgres://") || begins("postgresql://"))
    return open_postgres(url_or_path, options);
  if (begins("sqlite:"))
    return open_sqlite(url_or_path.substr(7), options);
  return open_sqlite(url_or_path, options);
}

} // namespace troupe::store
