#define CAF_SUITE cluster.served_files

#include "actors/cluster/served_files.hpp"

#include "actors/cluster/file_rules.hpp"
#include "host/beneath.hpp"
#include "host/files.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <fstream>

using namespace troupe;
using namespace troupe::cluster;

namespace {

namespace fs = std::filesystem;

const library_id films{{4, 4}};

/// A worker that has the library "/srv/films" in a folder of its own.
struct fixture {
  test::temporary_folder folder;
  test::manual_clock clk;
  identity::ticket_issuer coordinator = *identity::ticket_issuer::create();
  std::shared_ptr<mounted_libraries> mounted =
    std::make_shared<mounted_libraries>(*mount_table::parse({"/srv/films=" + (folder / "films")}), folder / "data");
  served_files served{
    mounted, [](const std::string& root, const std::string& path) { return host::open_beneath(root, path); }, clk};

  fixture() {
    put("films/film.mkv", "a film");
    put("data/uploads/upload.mkv", "an upload");
    put("data/troupe.db", "everything");
    CAF_REQUIRE(mounted->set(films, "/srv/films", {}));
    served.set_key(coordinator.public_key());
  }
  void put(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path{folder / name}.parent_path());
    std::ofstream{folder / name, std::ios::binary} << text;
  }
  file_ticket ticket(const std::string& path = "film.mkv", library_id library = films) const {
    file_ticket x;
    x.root = root_name(library);
    x.path = path;
    x.node = "ben";
    x.content = "6-7-8";
    x.size = 6;
    x.expires = clk.wall() + ticket_valid;
    return x;
  }
  errc checked(const file_ticket& x) const {
    auto text = coordinator.issue(x);
    if (!text)
      CAF_FAIL(text.error().message);
    auto got = served.check(*text);
    if (got)
      CAF_CHECK(*got == x);
    return got ? errc::none : got.error().code;
  }
  errc opened(const file_ticket& x) const {
    auto got = served.open(x);
    return got ? errc::none : got.error().code;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(served_files_tests, fixture)

CAF_TEST(a film of a library that is here) {
  CAF_CHECK_EQUAL(checked(ticket()), errc::none);
  auto file = served.open(ticket());
  CAF_REQUIRE(file.has_value());
  CAF_CHECK_EQUAL(file->version.size, 6u);
}

CAF_TEST(nothing else than reading a library) {
  file_ticket write = ticket();
  write.action = file_action::write;
  write.content.clear();
  write.size = 0;
  write.most_bytes = 10;
  write.token = lease_token{3, job_id{{7, 9}}, 2};
  write.root = "data";
  CAF_CHECK_EQUAL(checked(write), errc::forbidden);
  write.root = root_name(films);
  if (check(write))
    CAF_CHECK_EQUAL(checked(write), errc::forbidden);
  for (auto& path : {"troupe.db", "uploads/upload.mkv"}) {
    CAF_CHECK_EQUAL(checked(ticket(path, {})), errc::forbidden);
    CAF_CHECK_EQUAL(opened(ticket(path, {})), errc::forbidden);
  }
  // The folders of uploads and downloads are seen here, and are the coordinator's all the same.
  CAF_CHECK(mounted->is_mounted(uploads_library));
  for (auto built_in : {uploads_library, downloads_library}) {
    CAF_CHECK_EQUAL(checked(ticket("upload.mkv", built_in)), errc::forbidden);
    CAF_CHECK_EQUAL(opened(ticket("upload.mkv", built_in)), errc::forbidden);
  }
}

CAF_TEST(only libraries that were proved) {
  CAF_CHECK_EQUAL(opened(ticket("film.mkv", library_id{{4, 5}})), errc::unavailable);
  CAF_REQUIRE(mounted->set(films, "/srv/films", error{errc::not_found, "it looks like an empty mount point"}));
  auto gone = served.open(ticket());
  CAF_REQUIRE(!gone);
  CAF_CHECK_EQUAL(gone.error().code, errc::unavailable);
  CAF_CHECK_EQUAL(gone.error().message, "it looks like an empty mount point");
}

CAF_TEST(no way out of the root) {
  fs::create_symlink("../data", folder / "films/data");
  CAF_CHECK_EQUAL(opened(ticket("data/troupe.db")), errc::unprocessable);
  auto x = ticket();
  for (auto bad : {"../data/troupe.db", "/etc/passwd", "x/../../data/troupe.db"}) {
    x.path = bad;
    // Nobody signs it, and nobody opens it.
    CAF_CHECK(!coordinator.issue(x));
    CAF_CHECK_EQUAL(opened(x), errc::validation);
  }
}

CAF_TEST(tickets of the present coordinator that have not expired) {
  auto text = *coordinator.issue(ticket());
  CAF_CHECK(served.check(text).has_value());
  clk.advance(ticket_valid);
  CAF_CHECK_EQUAL(served.check(text).error().code, errc::forbidden);
  auto fresh = *coordinator.issue(ticket());
  CAF_CHECK(served.check(fresh).has_value());
  // It was started anew: what it has signed before holds no more, and what it signs now does.
  auto next = *identity::ticket_issuer::create();
  CAF_CHECK_EQUAL(served.check(*next.issue(ticket())).error().code, errc::forbidden);
  served.set_key(next.public_key());
  CAF_CHECK_EQUAL(served.check(fresh).error().code, errc::forbidden);
  CAF_CHECK(served.check(*next.issue(ticket())).has_value());
  // Before the first welcome there is no key.
  served.set_key({});
  CAF_CHECK_EQUAL(served.check(*next.issue(ticket())).error().code, errc::forbidden);
  for (auto bad : {"", ".", "x.y", "../../etc/passwd"})
    CAF_CHECK_EQUAL(served.check(bad).error().code, errc::forbidden);
}

CAF_TEST(another mount numbers files differently and is coarser) {
  constexpr int64_t second = 1'000'000'000;
  file_ticket x = ticket();
  x.content = file_version{6, 100 * second, 8}.str();
  auto fits = [&](const file_version& there) { return served_files::fits(x, there); };
  CAF_CHECK(fits({6, 100 * second, 8}));
  CAF_CHECK(fits({6, 100 * second, 9}));
  CAF_CHECK(fits({6, 101 * second, 9}));
  CAF_CHECK(!fits({6, 103 * second, 9}));
  // On the same mount nothing may differ.
  CAF_CHECK(!fits({6, 101 * second, 8}));
  CAF_CHECK(!fits({7, 100 * second, 8}));
  x.size = 7;
  CAF_CHECK(!fits({6, 100 * second, 8}));
  for (auto bad : {"", "6-7", "6-7-8-", "6-7-8x", "-6-7-8", "06-7-8", "6--7", "x"}) {
    x.content = bad;
    CAF_CHECK(!fits({6, 7, 8}));
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
