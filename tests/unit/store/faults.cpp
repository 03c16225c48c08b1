#define CAF_SUITE store.faults

#include "tests/support/postgres_cluster.hpp"
#include "tests/unit/store/fixture.hpp"

#include <libpq-fe.h>
#include <sqlite3.h>

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

using namespace troupe;
using namespace troupe::test;

namespace {

ports::unit_of_work fresh_job(std::mt19937_64& rng, size_t payload = 100) {
  auto x = random_job(rng);
  x.spec.payload = std::string(payload, 'x');
  return unit_with({{x, true}});
}

bool names(const error& e, const std::string& what) {
  return e.message.find(what) != std::string::npos;
}

/// Writes until it fails; what was acknowledged.
std::vector<job> fill(ports::store_writer& writer, std::mt19937_64& rng, error& last) {
  std::vector<job> acknowledged;
  for (int i = 0; i < 2000; ++i) {
    auto unit = fresh_job(rng, 50'000);
    if (auto answer = commit(writer, unit); !answer) {
      last = answer.error();
      return acknowledged;
    }
    acknowledged.push_back(unit.jobs[0].row);
  }
  CAF_FAIL("the disk never got full");
  return acknowledged;
}

void check_all_there(ports::store_reader& reader, const std::vector<job>& jobs) {
  for (auto& x : jobs)
    CAF_REQUIRE(must(reader.find_job(x.id)) == x);
}

} // namespace

CAF_TEST(a file size limit is told as full storage and the writer recovers) {
  ::signal(SIGXFSZ, SIG_IGN);
  database_under_test db{false};
  auto store = db.open();
  auto writer = must(store->open_writer());
  auto reader = must(store->open_reader());
  std::mt19937_64 rng{51};
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  auto limited = before;
  limited.rlim_cur = 2 << 20;
  ::setrlimit(RLIMIT_FSIZE, &limited);
  error last;
  auto acknowledged = fill(*writer, rng, last);
  auto again = commit(*writer, fresh_job(rng, 50'000));
  ::setrlimit(RLIMIT_FSIZE, &before);
  CHECK_CODE(result<void>{last}, errc::storage_full);
  CAF_CHECK(names(last, db.address));
  CHECK_CODE(again, errc::storage_full);
  check_all_there(*reader, acknowledged);
  auto unit = fresh_job(rng);
  must(commit(*writer, unit));
  acknowledged.push_back(unit.jobs[0].row);
  check_all_there(*reader, acknowledged);
}

CAF_TEST(a full disk is told as such and the writer recovers) {
  temporary_folder folder;
  if (::mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "size=3m") != 0) {
    // Without the right to mount, the test of the file size limit stands for this one.
    CAF_MESSAGE("no right to mount a small tmpfs here");
    return;
  }
  std::mt19937_64 rng{52};
  {
    auto store = must(store::open_sqlite(folder / "troupe.db"));
    auto writer = must(store->open_writer());
    auto reader = must(store->open_reader());
    std::ofstream{folder / "ballast"} << std::string(500'000, 'b');
    error last;
    auto acknowledged = fill(*writer, rng, last);
    CHECK_CODE(result<void>{last}, errc::storage_full);
    CAF_CHECK(names(last, "troupe.db"));
    check_all_there(*reader, acknowledged);
    CHECK_CODE(commit(*writer, fresh_job(rng, 400'000)), errc::storage_full);
    std::filesystem::remove(folder / "ballast");
    auto unit = fresh_job(rng);
    must(commit(*writer, unit));
    acknowledged.push_back(unit.jobs[0].row);
    check_all_there(*reader, acknowledged);
  }
  CAF_CHECK_EQUAL(::umount(folder.path.c_str()), 0);
}

CAF_TEST(a database that another process has locked) {
  database_under_test db{false};
  store::open_options quick;
  quick.busy_timeout = milliseconds{50};
  auto store = must(store::open_sqlite(db.address, quick));
  auto writer = must(store->open_writer());
  auto reader = must(store->open_reader());
  std::mt19937_64 rng{53};
  sqlite3* other = nullptr;
  CAF_REQUIRE_EQUAL(sqlite3_open(db.address.c_str(), &other), SQLITE_OK);
  CAF_REQUIRE_EQUAL(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  auto refused = commit(*writer, fresh_job(rng));
  CAF_REQUIRE(code_of(refused) == errc::unavailable);
  CAF_CHECK(names(refused.error(), db.address));
  must(reader->ping());
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  must(commit(*writer, fresh_job(rng)));
}

CAF_TEST(damaged and foreign files and folders that are not there) {
  temporary_folder folder;
  auto refused = [&](const std::string& name, errc expected) {
    auto store = store::open_sqlite(folder / name);
    CAF_REQUIRE(code_of(store) == expected);
    CAF_CHECK(names(store.error(), folder / name));
  };
  std::ofstream{folder / "text.db"} << std::string(5000, 't');
  refused("text.db", errc::io);
  refused("no/such/folder.db", errc::io);
  refused("a\"quote.db", errc::validation);
  std::filesystem::create_directory(folder / "folder.db");
  refused("folder.db", errc::io);
  sqlite3* other = nullptr;
  sqlite3_open((folder / "foreign.db").c_str(), &other);
  sqlite3_exec(other, "CREATE TABLE theirs (x)", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  refused("foreign.db", errc::conflict);
  for (auto name : {"with space  and = sign.db", "quote'.db", "\xC3\xA4 %20?.db"}) {
    must(store::open_sqlite(folder / name));
    CAF_CHECK(std::filesystem::exists(folder / name));
  }
}

CAF_TEST(pages overwritten with noise) {
  database_under_test db{false};
  std::mt19937_64 rng{54};
  {
    auto store = db.open();
    auto writer = must(store->open_writer());
    for (int i = 0; i < 200; ++i)
      must(commit(*writer, fresh_job(rng, 1000)));
  }
  {
    std::fstream file{db.address, std::ios::in | std::ios::out | std::ios::binary};
    for (int page = 1; page < 40; ++page) {
      file.seekp(page * 4096);
      file << std::string(4096, '\x77');
    }
  }
  auto store = store::open_sqlite(db.address);
  auto problem = [&]() -> error {
    if (!store)
      return store.error();
    auto writer = (*store)->open_writer();
    if (!writer)
      return writer.error();
    auto jobs = (*writer)->load_jobs();
    return jobs ? error{} : jobs.error();
  }();
  CAF_CHECK(problem.code == errc::io);
  // The statement and its values are not for logs and clients.
  CAF_CHECK(!names(problem, "SELECT"));
}

CAF_TEST(a folder that may not be written) {
  temporary_folder folder;
  must(store::open_sqlite(folder / "troupe.db"));
  ::chmod(folder.path.c_str(), 0555);
  ::chmod((folder / "troupe.db").c_str(), 0444);
  // Rights do not bind root: a child looks as nobody.
  auto pid = ::fork();
  if (pid == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0)
      ::_exit(9);
    auto existing = store::open_sqlite(folder / "troupe.db");
    auto fresh = store::open_sqlite(folder / "new.db");
    bool ok = code_of(existing) == errc::io && code_of(fresh) == errc::io && names(fresh.error(), "new.db")
              && names(existing.error(), "writable");
    ::_exit(ok ? 0 : 1);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  CAF_CHECK_EQUAL(status, 0);
  ::chmod(folder.path.c_str(), 0755);
}

CAF_TEST(two processes do not write to one PostgreSQL database) {
  postgres_cluster cluster;
  store::open_options impatient;
  impatient.busy_timeout = milliseconds{200};
  auto store = must(store::open_postgres(cluster.dsn(), impatient));
  std::mt19937_64 rng{56};
  // What a writer of another process holds.
  auto* other = PQconnectdb(cluster.dsn().c_str());
  PQclear(PQexec(other, "SELECT pg_advisory_lock(hashtext('troupe writer'), hashtext('public'))"));
  auto refused = [&] {
    auto writer = store->open_writer();
    return writer ? commit(**writer, fresh_job(rng)) : result<void>{writer.error()};
  };
  auto answer = refused();
  CAF_REQUIRE(code_of(answer) == errc::unavailable);
  CAF_CHECK(names(answer.error(), "another coordinator"));
  auto reader = must(store->open_reader());
  must(reader->ping());
  PQfinish(other);
  must(refused());
}

CAF_TEST(a PostgreSQL server goes away and comes back) {
  postgres_cluster cluster;
  auto store = must(store::open_postgres(cluster.dsn()));
  auto writer = must(store->open_writer());
  auto reader = must(store->open_reader());
  std::mt19937_64 rng{55};
  auto before = fresh_job(rng);
  must(commit(*writer, before));
  for (int i = 0; i < 2; ++i) {
    cluster.stop();
    CHECK_CODE(commit(*writer, fresh_job(rng)), errc::unavailable);
    CHECK_CODE(commit(*writer, fresh_job(rng)), errc::unavailable);
    CHECK_CODE(writer->raise_term(), errc::unavailable);
    CHECK_CODE(reader->ping(), errc::unavailable);
    CHECK_CODE(store->open_reader(), errc::unavailable);
    cluster.start();
    must(reader->ping());
    CAF_CHECK(must(reader->find_job(before.jobs[0].row.id)) == before.jobs[0].row);
    must(commit(*writer, fresh_job(rng)));
  }
}

CAF_TEST(a connection string never shows in an error) {
  for (std::string dsn : {"postgresql://anna:secretword@127.0.0.1:1/none", "host=/nowhere password=secretword user=x",
                          "postgresql://anna:secretword@[broken/none", "password=secretword nonsense"}) {
    auto store = store::open_postgres(dsn);
    CAF_REQUIRE(!store);
    CAF_CHECK(!names(store.error(), "secretword"));
    CAF_CHECK(store.error().code == errc::unavailable || store.error().code == errc::validation);
  }
}
