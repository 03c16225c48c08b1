#define CAF_SUITE store.migrations

#include "store/connection.hpp"
#include "store/migrate.hpp"

#include "tests/unit/store/fixture.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace troupe::store;

namespace {

std::shared_ptr<const engine> engine_of(const database_under_test& db) {
  return must(db.kind == "sqlite" ? make_sqlite_engine(db.address, {}) : make_postgresql_engine(db.address, {}));
}

/// As a program that knows these migrations opens it.
result<void> open_with(const database_under_test& db, std::span<const migration> known) {
  auto eng = engine_of(db);
  connection conn{eng, access::migrate};
  return conn.run([&](soci::session& sql) { return migrate(sql, *eng, known); });
}

result<void> run(const database_under_test& db, const std::string& script) {
  auto eng = engine_of(db);
  connection conn{eng, access::migrate};
  return conn.run([&](soci::session& sql) -> result<void> {
    eng->run_script(sql, script);
    return {};
  });
}

result<std::unique_ptr<ports::database>> reopen(const database_under_test& db) {
  return db.kind == "sqlite" ? open_sqlite(db.address) : open_postgres(db.address);
}

} // namespace

CAF_TEST(from version 1 nothing is lost) {
  on_both([](database_under_test& db) {
    auto all = engine_of(db)->migrations();
    CAF_REQUIRE(all.size() >= 2);
    must(open_with(db, all.first(1)));
    must(run(db, "INSERT INTO queues (name, paused, max_running, max_depth) VALUES ('video', 1, 2, 3);"
                 "UPDATE meta SET value = 41"));
    CHECK_CODE(run(db, "SELECT * FROM videos"), errc::internal);
    auto store = must(reopen(db));
    auto writer = must(store->open_writer());
    CAF_CHECK_EQUAL(must(writer->raise_term()), 42u);
    CAF_CHECK((must(writer->load_jobs()).queues == std::vector<queue_settings>{{"video", true, 2, 3}}));
    CAF_CHECK_EQUAL(must(must(store->open_reader())->libraries()).size(), 0u);
    // Once more: nothing to do.
    must(open_with(db, all));
  });
}

CAF_TEST(a newer database and a changed migration are refused) {
  on_both([](database_under_test& db) {
    auto known = engine_of(db)->migrations();
    std::vector<migration> more(known.begin(), known.end());
    more.push_back({static_cast<int>(known.size()) + 1, "more", "abc", "CREATE TABLE more (x BIGINT)"});
    must(open_with(db, more));
    auto newer = reopen(db);
    CAF_REQUIRE(code_of(newer) == errc::conflict);
    CAF_CHECK(newer.error().message.find("newer version") != std::string::npos);
    more[1].checksum = "changed";
    auto changed = open_with(db, more);
    CAF_REQUIRE(code_of(changed) == errc::conflict);
    CAF_CHECK(changed.error().message.find("migration 2") != std::string::npos);
  });
}

CAF_TEST(a migration that fails half way leaves nothing behind) {
  on_both([](database_under_test& db) {
    auto known = engine_of(db)->migrations();
    std::vector<migration> more(known.begin(), known.end());
    more.push_back({static_cast<int>(known.size()) + 1, "bad", "abc", "CREATE TABLE more (x BIGINT); SELECT nonsense"});
    CHECK_CODE(open_with(db, more), errc::internal);
    CHECK_CODE(run(db, "SELECT * FROM more"), errc::internal);
    must(reopen(db));
  });
}

CAF_TEST(a second writer in the process is refused) {
  on_both([](database_under_test& db) {
    auto one = db.open();
    auto two = db.open();
    auto writer = must(one->open_writer());
    CHECK_CODE(one->open_writer(), errc::conflict);
    CHECK_CODE(two->open_writer(), errc::conflict);
    writer.reset();
    must(two->open_writer());
  });
}

CAF_TEST(a reader can not write) {
  on_both([](database_under_test& db) {
    auto store = db.open();
    auto eng = engine_of(db);
    connection conn{eng, access::read};
    auto wrote = conn.run([&](soci::session& sql) -> result<void> {
      eng->run_script(sql, "UPDATE meta SET value = 7");
      return {};
    });
    CHECK_CODE(wrote, errc::io);
  });
}
