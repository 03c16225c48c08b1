#define CAF_SUITE gateway.near_files

#include "actors/gateway/near_files.hpp"

#include "host/files.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <filesystem>
#include <fstream>

using namespace troupe;
using namespace troupe::gateway;

namespace {

void write(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
  std::ofstream{path} << text;
}

struct fixture {
  test::temporary_folder here;
  std::shared_ptr<ports::files> files = std::make_shared<host::files>();
  std::string data = here.path + "/data";
  near_files near{files, data};

  fixture() {
    write(data + "/node.id", "one\n");
    write(data + "/artwork/a.jpg", "picture");
    write(data + "/uploads/u/film.mp4", "upload");
    write(here.path + "/films/b.mp4", "a film");
  }

  errc code(const ports::wanted_file& what) {
    auto found = near.find(what);
    return found ? errc::none : found.error().code;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(near_files_tests, fixture)

CAF_TEST(the data folder is here when its id is the coordinators) {
  // Nobody has been met yet.
  CAF_CHECK(code({{}, {}, "artwork/a.jpg", {}}) == errc::unavailable);
  CAF_CHECK(!near.uploads().has_value());
  auto other = near.coordinator_is("/srv/troupe", "two");
  CAF_REQUIRE(!other.has_value());
  CAF_CHECK(other.error().message.find(data + " (node.data) is not the coordinator's data folder") == 0);
  CAF_CHECK(code({{}, {}, "artwork/a.jpg", {}}) == errc::unavailable);
  CAF_CHECK(near.coordinator_is("/srv/troupe", "one").has_value());
  CAF_CHECK_EQUAL(*near.find({{}, {}, "artwork/a.jpg", {}}), data + "/artwork/a.jpg");
  CAF_CHECK_EQUAL(*near.uploads(), data + "/uploads");
  CAF_CHECK_EQUAL(near.coordinators_uploads(), "/srv/troupe/uploads");
  // The mount goes while the gateway runs.
  std::filesystem::rename(data, here.path + "/away");
  CAF_CHECK(code({{}, {}, "artwork/a.jpg", {}}) == errc::unavailable);
  CAF_CHECK(!near.uploads().has_value());
}

CAF_TEST(libraries within the data folder move with it) {
  CAF_REQUIRE(near.coordinator_is("/srv/troupe", "one").has_value());
  auto version = *files->version_of(data + "/uploads/u/film.mp4");
  CAF_CHECK_EQUAL(*near.find({{}, "/srv/troupe/uploads", "u/film.mp4", version}), data + "/uploads/u/film.mp4");
  // Not a folder of ours that merely begins like it.
  CAF_CHECK(code({{}, "/srv/troupe2/uploads", "u/film.mp4", version}) == errc::unavailable);
}

CAF_TEST(a film is the catalogues when size and time are) {
  CAF_REQUIRE(near.coordinator_is("/srv/troupe", "one").has_value());
  auto films = here.path + "/films";
  auto version = *files->version_of(films + "/b.mp4");
  version.inode = 77;
  version.mtime_ns -= version.mtime_ns % 1'000'000'000;
  CAF_CHECK_EQUAL(*near.find({{}, films, "b.mp4", version}), films + "/b.mp4");
  version.size += 1;
  CAF_CHECK(code({{}, films, "b.mp4", version}) == errc::unavailable);
  CAF_CHECK(code({{}, films, "c.mp4", version}) == errc::unavailable);
}

CAF_TEST(beside the coordinator everything is where it says) {
  near_files own{data, files};
  CAF_CHECK_EQUAL(*own.find({{}, {}, "artwork/a.jpg", {}}), data + "/artwork/a.jpg");
  CAF_CHECK_EQUAL(*own.find({{}, {}, "artwork/gone.jpg", {}}), data + "/artwork/gone.jpg");
  const library_id films{raw_id{1, 2}};
  CAF_CHECK_EQUAL(*own.find({films, here.path + "/films", "b.mp4", file_version{1, 2, 3}}), here.path + "/films/b.mp4");
  // Perhaps another node has it.
  auto gone = own.find({films, here.path + "/films", "gone.mp4", {}});
  CAF_CHECK(!gone && gone.error().code == errc::unavailable);
  CAF_CHECK_EQUAL(*own.uploads(), own.coordinators_uploads());
}

CAF_TEST_FIXTURE_SCOPE_END()
