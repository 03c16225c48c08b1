#define CAF_SUITE store.speed

// Prints figures, asserts none: durable row changes a second through the store, beside the bare C API on the same disk.

#include "tests/unit/store/fixture.hpp"

#include <sqlite3.h>

#include <chrono>
#include <ctime>

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr int rows_a_commit = 500;
constexpr int commits = 40;

/// Processor time of this process a row, of the last measurement: what is left of the figure on a busy machine.
double microseconds_a_row = 0;

template <class F>
double rows_a_second(F&& commit_number) {
  auto cpu = std::clock();
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < commits; ++i)
    commit_number(i);
  std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  microseconds_a_row = 1e6 * static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC / (rows_a_commit * commits);
  return rows_a_commit * commits / spent.count();
}

job plain_job(std::mt19937_64& rng) {
  job x;
  x.id = x.spec.id = job_id{random_raw_id(rng)};
  x.spec.kind = "ingest";
  x.spec.queue = "metadata";
  x.spec.priority = 5;
  x.spec.payload = R"({"video":"01hf7yat00dm2v3w4x5y6z7a8b"})";
  x.spec.retry = {3, milliseconds{2000}, milliseconds{300000}, true};
  x.created = from_ms(1700000000000);
  return x;
}

double bare_inserts(const std::string& path) {
  sqlite3* db = nullptr;
  sqlite3_open(path.c_str(), &db);
  auto run = [&](const char* sql) { CAF_REQUIRE_EQUAL(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK); };
  run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;"
      "CREATE TABLE t (id TEXT PRIMARY KEY, kind TEXT, state TEXT, payload TEXT)");
  sqlite3_stmt* insert = nullptr;
  sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?, 'ingest', 'queued', '{}')", -1, &insert, nullptr);
  std::mt19937_64 rng{1};
  auto rate = rows_a_second([&](int) {
    run("BEGIN IMMEDIATE");
    for (int i = 0; i < rows_a_commit; ++i) {
      auto id = to_string(random_raw_id(rng));
      sqlite3_bind_text(insert, 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
      sqlite3_step(insert);
      sqlite3_reset(insert);
    }
    run("COMMIT");
  });
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return rate;
}

void measure(database_under_test& db) {
  auto store = db.open();
  auto writer = must(store->open_writer());
  std::mt19937_64 rng{2};
  id_source ids{[&] { return rng(); }};
  std::vector<ports::unit_of_work> units(commits);
  for (auto& unit : units)
    for (int i = 0; i < rows_a_commit; ++i) {
      auto x = plain_job(rng);
      x.id = x.spec.id = ids.make<job_id>(1700000000000 + i);
      unit.jobs.push_back({x, true});
    }
  auto inserts = rows_a_second([&](int i) { must(commit(*writer, units[static_cast<size_t>(i)])); });
  for (auto& unit : units)
    for (auto& x : unit.jobs) {
      x.is_new = false;
      x.row.state = job_state::running;
      x.row.attempt = 1;
      x.row.lease_term = 3;
      x.row.lease_worker = worker_id{{7, 7}};
      x.row.worker_name = "nas-2";
    }
  auto insert_cost = microseconds_a_row;
  auto starts = rows_a_second([&](int i) { must(commit(*writer, units[static_cast<size_t>(i)])); });
  for (auto& unit : units)
    for (auto& x : unit.jobs) {
      x.row.state = job_state::completed;
      x.row.archived = true;
      x.row.attempts.push_back(
        {1, "nas-2", from_ms(1), from_ms(2), attempt_end::completed, {}, {errc::none, {}}, "", ""});
    }
  auto ends = rows_a_second([&](int i) { must(commit(*writer, units[static_cast<size_t>(i)])); });
  CAF_MESSAGE(db.kind << (db.kind == "sqlite" ? "" : " (a test server is not synced)")
                      << ", rows a second in commits of " << rows_a_commit << ": insert " << long(inserts) << " ("
                      << insert_cost << " us of processor each)"
                      << ", start " << long(starts) << ", complete " << long(ends) << " (" << microseconds_a_row
                      << " us of processor each)");
}

} // namespace

CAF_TEST(rows a second) {
  temporary_folder folder;
  auto bare = bare_inserts(folder / "bare.db");
  CAF_MESSAGE("SQLite C API, four columns and one index: " << long(bare) << " (" << microseconds_a_row
                                                           << " us of processor each)");
  on_both(measure);
}
