#define CAF_SUITE cluster.library_proof

#include "actors/cluster/library_proof.hpp"
#include "actors/cluster/mounted_libraries.hpp"
#include "host/files.hpp"
#include "tests/support/no_files.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::cluster;

namespace {

namespace fs = std::filesystem;

std::string content(const std::string& of) {
  return of + std::string(300, 'x') + of;
}

void write(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path{path}.parent_path());
  std::ofstream{path, std::ios::binary} << text;
}

/// The coordinator has "/srv/films" with a.mkv and b/c.mkv; `here` is what the node has instead.
struct fixture {
  test::temporary_folder folder;
  std::string here = folder / "films";
  mesh::sampled_library lib{library_id{{1, 2}}, "films", "/srv/films", library_origin::folder, 12, {}};

  fixture() {
    for (auto path : {"a.mkv", "b/c.mkv"}) {
      auto text = content(path);
      lib.samples.push_back({path, text.size(), 3, text.substr(3, 256)});
    }
  }
  void put_files(const std::string& root) const {
    for (auto& s : lib.samples)
      write(root + "/" + s.path, content(s.path));
  }
  library_proof proof(bool trusted = false, bool mapped = true) const {
    library_proof::settings how;
    if (mapped)
      how.mounts = *mount_table::parse({"/srv/films=" + here});
    how.user = "troupe";
    how.trusted = trusted;
    return {std::make_shared<host::files>(), how};
  }
  std::string problem(bool trusted = false) const {
    auto x = proof(trusted).check(lib);
    return x ? "" : x.error().message;
  }
  std::string instead(const std::string& path = "HERE") const {
    return "\"/srv/films=" + path + "\" in worker.mounts";
  }
};

const std::string start = "library " + library_id{{1, 2}}.str() + " \"films\" (";
const std::string name = start + "/srv/films): ";

} // namespace

CAF_TEST_FIXTURE_SCOPE(library_proof_tests, fixture)

CAF_TEST(the same files are the library) {
  put_files(here);
  CAF_CHECK_EQUAL(problem(), "");
  // Through a link that a person has set, too.
  fs::create_symlink(here, folder / "link");
  here = folder / "link";
  CAF_CHECK_EQUAL(problem(), "");
}

CAF_TEST(a folder that is not there) {
  CAF_CHECK_EQUAL(problem(), name + "can't read the folder " + here
                               + ": No such file or directory (worker.mounts has \"/srv/films=" + here
                               + "\"); mount the library there, or write " + instead()
                               + " with the path under which this machine has it for HERE");
  lib.root = folder / "nowhere";
  auto x = proof(false, false).check(lib);
  CAF_REQUIRE(!x);
  CAF_CHECK_EQUAL(x.error().message, start + lib.root
                                       + "): this node has no such folder; if it has the library under another path, "
                                         "write \""
                                       + lib.root + "=HERE\" in worker.mounts with that path for HERE");
  CAF_CHECK_EQUAL(x.error().code, errc::not_found);
}

CAF_TEST(a file instead of a folder and a link to nowhere) {
  write(here, "x");
  CAF_CHECK_EQUAL(problem(), name + here + " is not a folder; write " + instead()
                               + " with the folder that holds the library's files for HERE");
  fs::remove(here);
  fs::create_symlink("/mnt/gone", here);
  CAF_CHECK(problem().starts_with(name + here + " is a symbolic link to /mnt/gone, which is not there (worker.mounts"));
}

CAF_TEST(an empty mount point) {
  fs::create_directories(here + "/lost+found");
  auto wanted = name + here
                + " is empty, but 12 files of it are known; it looks like a mount point whose disk is not mounted: "
                  "mount it, or write "
                + instead() + " with the path under which this machine has the files for HERE";
  CAF_CHECK_EQUAL(problem(), wanted);
  CAF_CHECK_EQUAL(problem(true), wanted);
  lib.samples.clear();
  CAF_CHECK_EQUAL(problem(true), wanted);
}

CAF_TEST(a library without known files) {
  lib.samples.clear();
  lib.files = 0;
  fs::create_directories(here);
  CAF_CHECK(problem().ends_with("it counts when the coordinator has found a file in it"));
  CAF_CHECK_EQUAL(problem(true), "");
  write(here + "/new.mkv", "x");
  CAF_CHECK_EQUAL(problem(), "");
}

CAF_TEST(one level too high or too deep is told exactly) {
  put_files(here + "/films");
  auto deeper = name + "its files are not in " + here + " but in " + here + "/films; write " + instead(here + "/films");
  CAF_CHECK_EQUAL(problem(), deeper);
  auto outer = here;
  for (auto sub : {"/films/films", "/films/b"}) {
    here = outer + sub;
    fs::create_directories(here);
    CAF_CHECK_EQUAL(problem(), name + "its files are not in " + here + " but in " + outer + "/films; write "
                                 + instead(outer + "/films"));
    fs::remove(here + "/c.mkv");
    put_files(outer + "/films");
  }
  // Also when what was named is not there at all.
  here = outer + "/films/nothing";
  CAF_CHECK(problem().ends_with("write " + instead(outer + "/films")));
}

CAF_TEST(other files under the same names) {
  put_files(here);
  write(here + "/a.mkv", "short");
  auto tail = "; write " + instead() + " with the path under which this machine has the same files for HERE";
  CAF_CHECK_EQUAL(problem(),
                  name + here + " is not the coordinator's folder: " + here + "/a.mkv has 5 bytes and not 310" + tail);
  auto other = content("a.mkv");
  other[100] = 'y';
  write(here + "/a.mkv", other);
  CAF_CHECK_EQUAL(problem(), name + here + " is not the coordinator's folder: " + here
                               + "/a.mkv has another content than on the coordinator" + tail);
  fs::remove(here + "/a.mkv");
  CAF_CHECK_EQUAL(problem(), name + here + " is not the coordinator's folder: its known files are not in it" + tail);
}

CAF_TEST(sizes alone may be out of date) {
  put_files(here);
  for (auto& s : lib.samples)
    s.bytes.clear();
  CAF_CHECK_EQUAL(problem(), "");
  fs::remove(here + "/a.mkv");
  CAF_CHECK_EQUAL(problem(), "");
  write(here + "/b/c.mkv", "grown by now");
  CAF_CHECK(!problem().empty());
}

CAF_TEST(a lying coordinator costs no more than a wrong answer) {
  put_files(here);
  lib.samples = {{"a.mkv", content("a.mkv").size(), UINT64_MAX, "x"}};
  CAF_CHECK(!problem().empty());
  lib.samples = {{"../films/a.mkv", content("a.mkv").size(), 0, std::string(1 << 20, 'x')}};
  CAF_CHECK(!problem().empty());
  lib.samples = {{std::string("a\0b", 3), 1, 0, "x"}};
  CAF_CHECK(!problem().empty());
}

CAF_TEST(who may not read it is told as whom) {
  if (::geteuid() != 0) {
    put_files(here);
    ::chmod(here.c_str(), 0);
    CAF_CHECK(problem().ends_with("this node runs as user troupe, who needs the right to read all of " + here));
    ::chmod(here.c_str(), 0755);
    return;
  }
  // The superuser may read all: a child that is nobody looks instead.
  put_files(here);
  ::chmod(folder.path.c_str(), 0755);
  for (auto closed : {here, here + "/a.mkv"}) {
    ::chmod(closed.c_str(), 0700);
    auto child = ::fork();
    CAF_REQUIRE(child >= 0);
    if (child == 0) {
      bool good = ::setgid(65534) == 0 && ::setuid(65534) == 0;
      good = good && problem().ends_with("this node runs as user troupe, who needs the right to read all of " + here);
      ::_exit(good ? 0 : 1);
    }
    int status = 1;
    CAF_REQUIRE_EQUAL(::waitpid(child, &status, 0), child);
    CAF_CHECK_EQUAL(status, 0);
    ::chmod(closed.c_str(), 0755);
  }
}

CAF_TEST(real mounts that come and go) {
  fs::create_directories(here);
  const auto disk = folder / "disk";
  put_files(disk);
  if (::mount("none", here.c_str(), "tmpfs", 0, "size=64k") != 0) {
    CAF_MESSAGE("SKIPPED: this needs the right to mount: " << std::strerror(errno));
    return;
  }
  CAF_CHECK(problem().find("looks like a mount point whose disk is not mounted") != std::string::npos);
  CAF_REQUIRE_EQUAL(::umount(here.c_str()), 0);
  CAF_REQUIRE_EQUAL(::mount(disk.c_str(), here.c_str(), nullptr, MS_BIND, nullptr), 0);
  CAF_CHECK_EQUAL(problem(), "");
  CAF_REQUIRE_EQUAL(::umount(here.c_str()), 0);
  CAF_CHECK(problem().find("is empty") != std::string::npos);
}

CAF_TEST(a mount that hangs is told as such) {
  CAF_CHECK_EQUAL(
    proof().hung(lib, milliseconds{10'000}).message,
    name + here + " has not answered for 10 s; the mount hangs: check the server that it comes from, or unmount it");
}

CAF_TEST(what a broken mount answers is explained) {
  class stale final : public test::no_files {
    result<ports::folder_facts> look_at_folder(const std::string& path) override {
      return {errc::io, "can't read the folder " + path + ": Stale file handle"};
    }
  };
  library_proof::settings how;
  how.mounts = *mount_table::parse({"/srv/films=/mnt/films"});
  auto x = library_proof{std::make_shared<stale>(), how}.check(lib);
  CAF_REQUIRE(!x);
  CAF_CHECK_EQUAL(x.error().message,
                  name
                    + "can't read the folder /mnt/films: Stale file handle; the mount does not work: unmount it and "
                      "mount it again, and check the server or disk behind it");
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(the table of mounted libraries) {
  mounted_libraries t{*mount_table::parse({"/srv=/mnt"}), "/shared"};
  const library_id films{{1, 1}}, tv{{1, 2}};
  CAF_CHECK_EQUAL(t.root_of(films).error().code, errc::not_found);
  // Not looked at yet: as the mounts say.
  CAF_CHECK_EQUAL(*t.root_of(films, "/srv/films"), "/mnt/films");
  CAF_CHECK(t.set(films, "/srv/films", {}));
  CAF_CHECK(!t.set(films, "/srv/films", {}));
  CAF_CHECK(t.set(tv, "/srv/tv", error{errc::conflict, "other files"}));
  CAF_CHECK_EQUAL(*t.root_of(films), "/mnt/films");
  CAF_CHECK_EQUAL(t.root_of(tv).error().code, errc::unavailable);
  CAF_CHECK_EQUAL(t.root_of(tv, "/srv/tv").error().message, "other files");
  CAF_CHECK_EQUAL(*t.root_of(tv, "/srv/moved"), "/mnt/moved");
  CAF_CHECK(t.problems() == std::vector<std::string>{"other files"});
  CAF_CHECK(t.capabilities()
            == (std::vector{library_capability(uploads_library), library_capability(downloads_library),
                            library_capability(films)}));
  CAF_CHECK_EQUAL(*t.place_of(films, "/srv/films/a/b.mkv", "a/b.mkv"), "/mnt/films/a/b.mkv");
  CAF_CHECK(!t.place_of(tv, "/srv/tv/b.mkv", "b.mkv"));
  CAF_CHECK_EQUAL(*t.place_of(uploads_library, "/data/uploads/1/f.mp4", "1/f.mp4"), "/shared/uploads/1/f.mp4");
  CAF_CHECK_EQUAL(*t.place_of(films, "/srv/elsewhere/x", "b.mkv"), "/mnt/elsewhere/x");
  t.keep_only({films});
  CAF_CHECK(t.problems().empty());
  mounted_libraries far{{}, {}};
  CAF_CHECK(far.capabilities().empty());
  CAF_CHECK_EQUAL(far.place_of(uploads_library, "/data/uploads/1/f.mp4", "1/f.mp4").error().code, errc::unavailable);
}
