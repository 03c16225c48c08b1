#define CAF_SUITE host.folder_files

#include "host/folder_files.hpp"
#include "host/data_folder.hpp"

#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sys/mount.h>

using namespace troupe;
namespace fs = std::filesystem;

namespace {

struct fixture {
  fixture() {
    fs::create_directories(data + "/tmp");
    put(data + "/node.id", "one\n");
  }
  void put(const std::string& path, std::string_view text) {
    std::ofstream{path} << text;
  }
  std::string get(const std::string& path) {
    auto text = disk.read_text(path);
    return text ? *text : text.error().message;
  }
  std::shared_ptr<host::folder_files> open() {
    auto out = host::folder_files::open(data);
    CAF_REQUIRE(out.has_value());
    return *out;
  }
  /// Another folder is where it was.
  void exchange() {
    fs::rename(data, moved);
    fs::create_directories(data + "/tmp");
  }
  /// All that is below the one that came in its place.
  size_t in_its_place() {
    return static_cast<size_t>(std::distance(fs::recursive_directory_iterator{data}, {})) - 1;
  }

  test::temporary_folder root;
  std::string data = root / "data";
  std::string moved = root / "moved";
  host::files disk;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(folder_files_tests, fixture)

CAF_TEST(every call goes to the folder that was opened) {
  auto folder = open();
  exchange();
  auto made = folder->create(data + "/tmp/1-a-1/out.mp4");
  CAF_REQUIRE(made.has_value());
  CAF_CHECK_EQUAL(::write(made->get(), "film", 4), 4);
  CAF_CHECK(folder->publish(data + "/tmp/1-a-1/out.mp4", data + "/renditions/a-1.mp4"));
  CAF_CHECK_EQUAL(get(moved + "/renditions/a-1.mp4"), "film");
  CAF_CHECK_EQUAL(*folder->read_text(data + "/renditions/a-1.mp4"), "film");
  CAF_CHECK_EQUAL(folder->version_of(data + "/renditions/a-1.mp4")->size, 4u);
  CAF_CHECK(folder->open_source(data + "/renditions/a-1.mp4"));
  CAF_CHECK(folder->write_text(data + "/tmp/x.part.state", "state"));
  CAF_CHECK(folder->open_append(data + "/tmp/x.part"));
  auto names = folder->list(data + "/tmp");
  CAF_REQUIRE(names.has_value());
  std::sort(names->begin(), names->end());
  CAF_CHECK_EQUAL(*names, (std::vector<std::string>{"1-a-1", "x.part", "x.part.state"}));
  CAF_CHECK(folder->make_folders(data + "/tmp/2-b-1/hls"));
  put(moved + "/tmp/2-b-1/hls/v0.mp4", "segments");
  CAF_CHECK(folder->publish_folder(data + "/tmp/2-b-1/hls", data + "/artwork/zz/b-1"));
  CAF_CHECK_EQUAL(get(moved + "/artwork/zz/b-1/v0.mp4"), "segments");
  std::vector<std::string> walked;
  CAF_CHECK(folder->walk(
    data + "/artwork", [](std::string_view) { return true; },
    [&](ports::walk_batch batch) {
      for (auto& file : batch.files)
        walked.push_back(file.path);
      return true;
    }));
  CAF_CHECK_EQUAL(walked, std::vector<std::string>{"zz/b-1/v0.mp4"});
  CAF_CHECK(folder->space(data));
  CAF_CHECK(folder->look_at_folder(data)->link.empty());
  CAF_CHECK(!folder->look_at_folder(data)->empty);
  CAF_CHECK(folder->remove(data + "/tmp/1-a-1"));
  CAF_CHECK(!fs::exists(moved + "/tmp/1-a-1"));
  // Not one of them has touched the other.
  CAF_CHECK_EQUAL(in_its_place(), 0u);
}

CAF_TEST(it stays the folder of a mount that is covered or taken away) {
  if (::mount("tmpfs", data.c_str(), "tmpfs", 0, "size=1m") != 0) {
    std::cerr
      << "SKIPPED: it stays the folder of a mount that is covered or taken away (mounting is not allowed here)\n";
    return;
  }
  fs::create_directories(data + "/tmp");
  auto folder = open();
  // Covered by an empty one, as an automounter or a fool does it.
  CAF_REQUIRE_EQUAL(::mount("tmpfs", data.c_str(), "tmpfs", 0, "size=1m"), 0);
  CAF_CHECK(folder->create(data + "/tmp/covered"));
  CAF_CHECK(fs::is_empty(data));
  CAF_CHECK_EQUAL(::umount2(data.c_str(), MNT_DETACH), 0);
  CAF_CHECK(fs::exists(data + "/tmp/covered"));
  // Gone: what is below is the folder of the disk under it.
  CAF_CHECK_EQUAL(::umount2(data.c_str(), MNT_DETACH), 0);
  CAF_CHECK(folder->create(data + "/tmp/gone"));
  CAF_CHECK(folder->version_of(data + "/tmp/covered"));
  CAF_CHECK(!fs::exists(data + "/tmp/gone"));
}

CAF_TEST(errors name what was asked for) {
  auto folder = open();
  for (auto& why : {folder->open_source(data + "/none").error(), folder->read_text(data + "/a/b").error(),
                    folder->publish(data + "/tmp/none", data + "/x").error(), folder->list(data + "/node.id").error(),
                    folder->create(data + "/node.id/x").error()}) {
    CAF_CHECK(why.message.find(data) != std::string::npos);
    CAF_CHECK(why.message.find("/proc") == std::string::npos);
  }
}

CAF_TEST(other paths are left alone) {
  put(root / "film.mkv", "film");
  fs::create_directories(data + "base");
  put(data + "base/x", "beside");
  auto folder = open();
  exchange();
  CAF_CHECK_EQUAL(*folder->read_text(root / "film.mkv"), "film");
  // It begins with the same letters.
  CAF_CHECK_EQUAL(*folder->read_text(data + "base/x"), "beside");
}

CAF_TEST(what is no folder is not opened) {
  CAF_CHECK(host::folder_files::open(root / "none").error().code == errc::not_found);
  CAF_CHECK(host::folder_files::open(data + "/node.id").error().code == errc::not_found);
  CAF_CHECK(host::folder_files::open("data").error().code == errc::validation);
}

CAF_TEST(a data folder is proved by its id each time) {
  auto wrong = [&](const std::string& words) {
    auto proved = host::prove_data_folder(data, "one");
    CAF_REQUIRE(!proved);
    CAF_CHECK(proved.error().code == errc::unavailable);
    if (proved.error().message.find(words) == std::string::npos)
      CAF_FAIL(words << " is not said: " << proved.error().message);
    CAF_CHECK(proved.error().message.find("mount the coordinator's data folder at " + data) != std::string::npos);
  };
  CAF_CHECK(host::prove_data_folder(data, "one"));
  put(data + "/node.id", "two\n");
  wrong("is another data folder");
  put(data + "/node.id", "");
  wrong("is another data folder");
  fs::rename(data, moved);
  wrong("No such file");
  fs::create_directories(data);
  wrong("there is no node.id in " + data);
  fs::create_directories(data + "/node.id");
  wrong("is not a regular file");
  fs::remove_all(data);
  fs::rename(moved, data);
  put(data + "/node.id", "one\n");
  // A folder that an attempt makes for itself is not missed.
  fs::remove_all(data + "/tmp");
  CAF_CHECK(host::prove_data_folder(data, "one"));
}

CAF_TEST(a data folder that can only be read is not proved) {
  const auto bind = [&](unsigned long flags) { return ::mount(data.c_str(), data.c_str(), nullptr, flags, nullptr); };
  if (bind(MS_BIND) != 0) {
    std::cerr << "SKIPPED: a data folder that can only be read is not proved (mounting is not allowed here)\n";
    return;
  }
  CAF_CHECK(host::prove_data_folder(data, "one"));
  CAF_REQUIRE_EQUAL(bind(MS_BIND | MS_REMOUNT | MS_RDONLY), 0);
  auto proved = host::prove_data_folder(data, "one");
  CAF_REQUIRE_EQUAL(::umount2(data.c_str(), MNT_DETACH), 0);
  CAF_REQUIRE(!proved);
  CAF_CHECK(proved.error().message.find("Read-only file system") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()
