#define CAF_SUITE gateway.near_files

#include "actors/gateway/near_files.hpp"

#include "host/files.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <unistd.h>

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

  /// What is in the file that was opened.
  static std::string content(const result<ports::located_file>& found) {
    CAF_REQUIRE(found.has_value());
    std::string out(100, '\0');
    const auto n = ::pread(found->here->get(), out.data(), out.size(), 0);
    out.resize(n < 0 ? 0 : static_cast<size_t>(n));
    CAF_CHECK_EQUAL(found->version.size, out.size());
    return out;
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
  near.coordinator_is("/srv/troupe", "two");
  auto other = near.check_data();
  CAF_REQUIRE(!other.has_value());
  CAF_CHECK(other.error().message.find(data + " (node.data) is not the coordinator's data folder") == 0);
  CAF_CHECK(code({{}, {}, "artwork/a.jpg", {}}) == errc::unavailable);
  near.coordinator_is("/srv/troupe", "one");
  CAF_CHECK(near.check_data().has_value());
  CAF_CHECK_EQUAL(content(near.find({{}, {}, "artwork/a.jpg", {}})), "picture");
  CAF_CHECK_EQUAL(*near.uploads(), data + "/uploads");
  CAF_CHECK_EQUAL(near.coordinators_uploads(), "/srv/troupe/uploads");
  // The mount goes while the gateway runs.
  std::filesystem::rename(data, here.path + "/away");
  CAF_CHECK(code({{}, {}, "artwork/a.jpg", {}}) == errc::unavailable);
  CAF_CHECK(!near.uploads().has_value());
}

CAF_TEST(who takes uploads that this gateway does not ) {
  auto said = [&] { return near.uploads().error().message; };
  CAF_CHECK_EQUAL(near.uploads().error().code, errc::unavailable);
  CAF_CHECK(said().find("send the file to a gateway that has it, or mount the folder") != std::string::npos);
  near.coordinators_gateway("anna", "http://10.0.0.7:3001");
  CAF_CHECK(said().find("send the file to http://10.0.0.7:3001 (node anna), or mount") != std::string::npos);
  near.coordinators_gateway("anna", "http://127.0.0.1:3001");
  CAF_CHECK(said().find("to http://127.0.0.1:3001 on the machine of node anna, or") != std::string::npos);
  near.coordinators_gateway("anna", "http://0.0.0.0:3001");
  CAF_CHECK(said().find("to port 3001 of node anna, or") != std::string::npos);
  near.coordinators_gateway("anna", "http://[::]:3001");
  CAF_CHECK(said().find("to port 3001 of node anna, or") != std::string::npos);
  // It has none any more.
  near.coordinators_gateway("anna", "");
  CAF_CHECK(said().find("to a gateway that has it, or") != std::string::npos);
}

CAF_TEST(libraries within the data folder move with it) {
  near.coordinator_is("/srv/troupe", "one");
  CAF_REQUIRE(near.check_data().has_value());
  auto version = *files->version_of(data + "/uploads/u/film.mp4");
  CAF_CHECK_EQUAL(content(near.find({{}, "/srv/troupe/uploads", "u/film.mp4", version})), "upload");
  // Not a folder of ours that merely begins like it.
  CAF_CHECK(code({{}, "/srv/troupe2/uploads", "u/film.mp4", version}) == errc::unavailable);
}

CAF_TEST(a film is the catalogues when size and time are) {
  near.coordinator_is("/srv/troupe", "one");
  CAF_REQUIRE(near.check_data().has_value());
  auto films = here.path + "/films";
  auto version = *files->version_of(films + "/b.mp4");
  version.inode = 77;
  version.mtime_ns -= version.mtime_ns % 1'000'000'000;
  CAF_CHECK_EQUAL(content(near.find({{}, films, "b.mp4", version})), "a film");
  version.size += 1;
  CAF_CHECK(code({{}, films, "b.mp4", version}) == errc::unavailable);
  CAF_CHECK(code({{}, films, "c.mp4", version}) == errc::unavailable);
}

CAF_TEST(beside the coordinator everything is where it says) {
  near_files own{data, files};
  CAF_CHECK_EQUAL(content(own.find({{}, {}, "artwork/a.jpg", {}})), "picture");
  CAF_CHECK(own.find({{}, {}, "artwork/gone.jpg", {}}).error().code == errc::not_found);
  const library_id films{raw_id{1, 2}};
  CAF_CHECK_EQUAL(content(own.find({films, here.path + "/films", "b.mp4", file_version{1, 2, 3}})), "a film");
  // Perhaps another node has it.
  auto gone = own.find({films, here.path + "/films", "gone.mp4", {}});
  CAF_CHECK(!gone && gone.error().code == errc::unavailable);
  CAF_CHECK_EQUAL(*own.uploads(), own.coordinators_uploads());
}

CAF_TEST(a folder of a library that was exchanged for a link leads nowhere) {
  namespace fs = std::filesystem;
  write(here.path + "/films/season/c.mp4", "a film");
  write(here.path + "/private/c.mp4", "secret");
  fs::rename(here.path + "/films/season", here.path + "/films/old");
  fs::create_symlink(here.path + "/private", here.path + "/films/season");
  const library_id films{raw_id{1, 2}};
  const ports::wanted_file asked{films, here.path + "/films", "season/c.mp4", {}};
  near_files own{data, files};
  auto found = own.find(asked);
  CAF_REQUIRE(!found.has_value());
  // No other node is asked, and nobody is told where it is.
  CAF_CHECK(found.error().code == errc::not_found);
  CAF_CHECK(found.error().message.find(here.path) == std::string::npos);
  CAF_CHECK(code(asked) == errc::not_found);
  // One that stays in the library is followed.
  fs::remove(here.path + "/films/season");
  fs::create_symlink("old", here.path + "/films/season");
  CAF_CHECK_EQUAL(content(own.find(asked)), "a film");
  // So is one that the owner of the data folder has made, to another disk; not what is linked in that.
  fs::rename(data + "/artwork", here.path + "/disk");
  fs::create_symlink(here.path + "/disk", data + "/artwork");
  CAF_CHECK_EQUAL(content(own.find({{}, {}, "artwork/a.jpg", {}})), "picture");
  fs::create_symlink(here.path + "/private", data + "/artwork/x");
  CAF_CHECK(own.find({{}, {}, "artwork/x/c.mp4", {}}).error().code == errc::not_found);
}

CAF_TEST_FIXTURE_SCOPE_END()
