#define CAF_SUITE host.beneath

#include "host/beneath.hpp"

#include "host/files.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace troupe;
using namespace troupe::host;
namespace fs = std::filesystem;

namespace {

struct fixture {
  test::temporary_folder folder;
  std::string root = folder / "root";

  fixture() {
    put("root/a/film.mkv", "inside");
    put("outside/secret", "secret");
  }
  void put(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path{folder / name}.parent_path());
    std::ofstream{folder / name, std::ios::binary} << text;
  }
  void link(const std::string& to, const std::string& name) const {
    fs::create_symlink(to, fs::path{root + "/" + name});
  }
  /// Both ways of following agree.
  errc opened(const std::string& path) const {
    auto kernel = open_beneath(root, path);
    auto looked = version_beneath(root, path);
    CAF_CHECK_EQUAL(kernel.has_value(), looked.has_value());
    if (kernel)
      CAF_CHECK(kernel->version == *looked);
    return kernel ? errc::none : kernel.error().code;
  }
  errc by_hand(const std::string& path) const {
    auto x = open_beneath(root, path, following::by_hand);
    return x ? errc::none : x.error().code;
  }
  std::string said(const std::string& path, following how = following::kernel) const {
    auto x = open_beneath(root, path, how);
    return x ? "" : x.error().message;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(beneath_tests, fixture)

CAF_TEST(a file below the root) {
  auto x = open_beneath(root, "a/film.mkv");
  CAF_REQUIRE(x.has_value());
  char text[16] = {};
  CAF_CHECK_EQUAL(::pread(x->fd.get(), text, sizeof text, 0), 6);
  CAF_CHECK_EQUAL(std::string{text}, "inside");
  // The same as anybody else sees.
  CAF_CHECK(x->version == *files{}.version_of(root + "/a/film.mkv"));
  CAF_CHECK_EQUAL(by_hand("a/film.mkv"), errc::none);
  CAF_CHECK_EQUAL(opened("a/other.mkv"), errc::not_found);
  CAF_CHECK_EQUAL(by_hand("a/other.mkv"), errc::not_found);
  CAF_CHECK_EQUAL(opened("b/film.mkv"), errc::not_found);
  CAF_CHECK_EQUAL(opened("a"), errc::unprocessable);
  CAF_REQUIRE(::mkfifo((root + "/a/fifo").c_str(), 0600) == 0);
  CAF_CHECK_EQUAL(opened("a/fifo"), errc::unprocessable);
  CAF_CHECK_EQUAL(by_hand("a/fifo"), errc::unprocessable);
  auto gone = open_beneath(folder / "nowhere", "a/film.mkv");
  CAF_REQUIRE(!gone);
  CAF_CHECK_EQUAL(gone.error().code, errc::not_found);
}

CAF_TEST(what is no path below a folder) {
  for (auto bad : {"", "/etc/passwd", "..", "../outside/secret", "a/../../outside/secret", "a/./film.mkv",
                   "a//film.mkv", "a/film.mkv/", "./a/film.mkv"}) {
    CAF_CHECK_EQUAL(opened(bad), errc::validation);
    CAF_CHECK_EQUAL(by_hand(bad), errc::validation);
    CAF_CHECK(!check_beneath(root, bad));
  }
  CAF_CHECK_EQUAL(opened(std::string{"a/film.mkv\0x", 12}), errc::validation);
}

CAF_TEST(links that stay inside are followed and others are not ) {
  link("a", "near");
  link(root + "/a", "absolute");
  link("../outside", "far");
  link("/proc/self/root", "magic");
  link("film.mkv", "a/file");
  link("../../outside/secret", "a/secret");
  CAF_CHECK_EQUAL(opened("near/film.mkv"), errc::none);
  // An absolute one leads out first, wherever it comes back.
  CAF_CHECK_EQUAL(opened("absolute/film.mkv"), errc::unprocessable);
  CAF_CHECK_EQUAL(opened("far/secret"), errc::unprocessable);
  CAF_CHECK_EQUAL(opened("magic/etc/passwd"), errc::unprocessable);
  CAF_CHECK(said("far/secret").find("leads out of " + root + " by a symbolic link") != std::string::npos);
  // As ports::files: a name that is itself a link is no file, though it stay inside.
  for (auto name : {"a/file", "a/secret"}) {
    CAF_CHECK_EQUAL(opened(name), errc::unprocessable);
    CAF_CHECK_EQUAL(by_hand(name), errc::unprocessable);
  }
  // Without the kernel's help none is followed, and that is said.
  for (auto name : {"near/film.mkv", "absolute/film.mkv", "far/secret", "magic/etc/passwd"}) {
    CAF_CHECK_EQUAL(by_hand(name), errc::unprocessable);
    CAF_CHECK(said(name, following::by_hand).find("(openat2, Linux 5.6)") != std::string::npos);
  }
  // The root itself is where a person has put it.
  fs::create_symlink(root, folder / "link");
  CAF_CHECK(open_beneath(folder / "link", "a/film.mkv").has_value());
  CAF_CHECK(open_beneath(folder / "link", "a/film.mkv", following::by_hand).has_value());
}

CAF_TEST(where something is going to be made) {
  link("../outside", "far");
  link("a", "near");
  link("nowhere", "dangling");
  for (auto how : {following::kernel, following::by_hand}) {
    CAF_CHECK(check_beneath(root, "new.mp4", how).has_value());
    CAF_CHECK(check_beneath(root, "a/new.mp4", how).has_value());
    CAF_CHECK(check_beneath(root, "x/y/z/new.mp4", how).has_value());
    CAF_CHECK_EQUAL(check_beneath(root, "a/film.mkv/x", how).error().code, errc::conflict);
    CAF_CHECK_EQUAL(check_beneath(root, "far/new.mp4", how).error().code, errc::unprocessable);
    CAF_CHECK_EQUAL(check_beneath(root, "far/x/y/new.mp4", how).error().code, errc::unprocessable);
  }
  CAF_CHECK(check_beneath(root, "near/new.mp4").has_value());
  CAF_CHECK(check_beneath(root, "dangling/new.mp4").has_value());
  CAF_CHECK_EQUAL(check_beneath(root, "near/new.mp4", following::by_hand).error().code, errc::unprocessable);
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(no tree of links leads to what is outside) {
  test::for_seeds(150, [](uint64_t seed) {
    std::mt19937_64 random{seed};
    test::temporary_folder folder{test::in_memory()};
    const auto root = folder / "root";
    fs::create_directories(root + "/0/1");
    fs::create_directories(folder / "out/0/1");
    for (auto& at : {root, folder / "out"})
      for (auto name : {"/f", "/0/f", "/0/1/f"})
        std::ofstream{at + name} << at;
    const std::vector<std::string> targets{
      "..",        "../..",         "0", "1", "../0", "../../out", "../out", root + "/0", folder / "out",
      "../../../", "/proc/self/cwd"};
    std::vector<std::string> places{"", "0/", "0/1/"};
    for (int i = 0; i < 8; ++i) {
      std::error_code taken;
      const auto name = std::string(1, static_cast<char>('a' + random() % 4));
      fs::create_symlink(targets[random() % targets.size()], root + "/" + places[random() % places.size()] + name,
                         taken);
    }
    for (int i = 0; i < 40; ++i) {
      std::string path;
      for (auto parts = random() % 5; parts-- > 0;)
        path += std::string(1, "01abcd"[random() % 6]) + "/";
      path += "f";
      for (auto how : {following::kernel, following::by_hand}) {
        auto x = open_beneath(root, path, how);
        if (!x)
          continue;
        auto real = fs::read_symlink("/proc/self/fd/" + std::to_string(x->fd.get())).string();
        if (!real.starts_with(fs::canonical(root).string() + "/"))
          CAF_FAIL("seed " << seed << ": " << path << " is " << real);
        // And by hand nothing is reached that the kernel would not.
        if (!open_beneath(root, path))
          CAF_FAIL("seed " << seed << ": " << path << " by hand alone");
      }
    }
  });
}
