#define CAF_SUITE host.files

#include "host/files.hpp"
#include "host/data_folder.hpp"
#include "host/resources.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace troupe;
namespace fs = std::filesystem;

namespace {

struct fixture {
  fixture() {
    std::string name = "/tmp/troupe-host-XXXXXX";
    root = ::mkdtemp(name.data());
  }
  ~fixture() {
    std::error_code ignored;
    fs::permissions(root, fs::perms::owner_all, ignored);
    fs::remove_all(root, ignored);
  }

  std::string put(const std::string& name, std::string_view text = "text") {
    auto path = root + "/" + name;
    fs::create_directories(fs::path{path}.parent_path());
    std::ofstream{path} << text;
    return path;
  }
  std::string get(const std::string& name) {
    auto text = disk.read_text(root + "/" + name);
    return text ? *text : text.error().message;
  }

  struct walked {
    std::vector<std::string> paths;
    std::vector<std::string> problems;
    std::vector<std::string> hidden;
    ports::walk_batch last;
    size_t largest = 0;
  };
  walked walk(const std::string& from) {
    walked out;
    auto done = disk.walk(
      from, [](std::string_view name) { return !name.ends_with(".skip"); },
      [&](ports::walk_batch batch) {
        out.largest = std::max(out.largest, batch.files.size());
        for (auto& file : batch.files)
          out.paths.push_back(file.path);
        for (auto& problem : batch.problems)
          out.problems.push_back(problem);
        out.hidden.insert(out.hidden.end(), batch.hidden.begin(), batch.hidden.end());
        out.last = std::move(batch);
        return true;
      });
    if (!done)
      CAF_FAIL(done.error().message);
    return out;
  }

  std::string root;
  host::files disk;
};

template <class T>
errc code_of(const result<T>& x) {
  return x ? errc::none : x.error().code;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(file_tests, fixture)

CAF_TEST(only regular files are sources) {
  auto path = put("a.mp4", "hello");
  auto source = disk.open_source(path);
  CAF_REQUIRE(source.has_value());
  CAF_CHECK_EQUAL(source->version.size, 5u);
  CAF_CHECK(source->version == *disk.version_of(path));
  CAF_CHECK((::fcntl(source->fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  ::symlink(path.c_str(), (root + "/link").c_str());
  ::mkfifo((root + "/pipe").c_str(), 0600);
  CAF_CHECK(code_of(disk.open_source(root + "/link")) == errc::forbidden);
  CAF_CHECK(code_of(disk.open_source(root + "/pipe")) == errc::unprocessable);
  CAF_CHECK(code_of(disk.open_source("/dev/zero")) == errc::unprocessable);
  CAF_CHECK(code_of(disk.open_source(root)) == errc::unprocessable);
  CAF_CHECK(code_of(disk.open_source(root + "/none")) == errc::not_found);
  CAF_CHECK(code_of(disk.open_source(path + "/below")) == errc::not_found);
  CAF_CHECK(code_of(disk.open_source("relative")) == errc::validation);
  CAF_CHECK(code_of(disk.open_source(path + std::string("\0x", 2))) == errc::validation);
  CAF_CHECK(disk.open_source(root + "/none").error().message.find("/none") != std::string::npos);
}

CAF_TEST(any write changes the version) {
  auto path = put("a", "12345");
  auto before = *disk.version_of(path);
  put("b", "54321");
  fs::rename(root + "/b", path);
  CAF_CHECK(before != *disk.version_of(path));
}

CAF_TEST(create makes folders and never opens what is there) {
  auto path = root + "/x/y/z.bin";
  auto fd = disk.create(path);
  CAF_REQUIRE(fd.has_value());
  struct stat facts {};
  ::stat(path.c_str(), &facts);
  CAF_CHECK_EQUAL(facts.st_mode & 0777, 0640u);
  CAF_CHECK(code_of(disk.create(path)) == errc::conflict);
  ::symlink("/etc/passwd", (root + "/trap").c_str());
  CAF_CHECK(code_of(disk.create(root + "/trap")) == errc::conflict);
  CAF_CHECK(code_of(disk.open_append(root + "/trap")) == errc::forbidden);
  CAF_CHECK(code_of(disk.create(path + "/below")) == errc::conflict);
}

CAF_TEST(appending goes on at the end) {
  for (int i = 0; i < 3; ++i) {
    auto file = disk.open_append(root + "/part");
    CAF_REQUIRE(file.has_value());
    CAF_CHECK_EQUAL(file->version.size, static_cast<uint64_t>(i * 2));
    CAF_CHECK_EQUAL(::write(file->fd.get(), "ab", 2), 2);
  }
  CAF_CHECK_EQUAL(get("part"), "ababab");
}

CAF_TEST(publishing never replaces a file) {
  auto from = put("tmp/a", "new");
  CAF_REQUIRE(disk.publish(from, root + "/out/deep/a").has_value());
  CAF_CHECK_EQUAL(get("out/deep/a"), "new");
  CAF_CHECK(!fs::exists(from));
  auto again = put("tmp/a", "other");
  CAF_CHECK(code_of(disk.publish(again, root + "/out/deep/a")) == errc::conflict);
  CAF_CHECK_EQUAL(get("out/deep/a"), "new");
  CAF_CHECK_EQUAL(get("tmp/a"), "other");
  CAF_CHECK(code_of(disk.publish(root + "/none", root + "/b")) == errc::not_found);
  ::symlink(again.c_str(), (root + "/link").c_str());
  CAF_CHECK(!disk.publish(root + "/link", root + "/b"));
  CAF_CHECK(!fs::exists(root + "/b"));
}

CAF_TEST(a folder is published as a whole and never over another) {
  put("tmp/a/one", "1");
  put("tmp/a/sub/two", "2");
  CAF_REQUIRE(disk.publish_folder(root + "/tmp/a", root + "/out/deep/a").has_value());
  CAF_CHECK_EQUAL(get("out/deep/a/one") + get("out/deep/a/sub/two"), "12");
  CAF_CHECK(!fs::exists(root + "/tmp/a"));
  put("tmp/a/one", "other");
  CAF_CHECK(code_of(disk.publish_folder(root + "/tmp/a", root + "/out/deep/a")) == errc::conflict);
  CAF_CHECK_EQUAL(get("out/deep/a/one"), "1");
  CAF_CHECK_EQUAL(get("tmp/a/one"), "other");
  CAF_CHECK(code_of(disk.publish_folder(root + "/none", root + "/b")) == errc::not_found);
  // Nothing but files and folders is published: what a link names is not ours.
  ::symlink("/etc/hostname", (root + "/tmp/a/link").c_str());
  CAF_CHECK(!disk.publish_folder(root + "/tmp/a", root + "/b"));
  CAF_CHECK(!fs::exists(root + "/b"));
}

CAF_TEST(removing takes whole folders and no link target) {
  put("keep/me");
  put("tmp/a/b/c");
  ::symlink((root + "/keep").c_str(), (root + "/tmp/a/link").c_str());
  CAF_CHECK(disk.remove(root + "/tmp").has_value());
  CAF_CHECK(!fs::exists(root + "/tmp"));
  CAF_CHECK(fs::exists(root + "/keep/me"));
  CAF_CHECK(disk.remove(root + "/tmp").has_value());
  CAF_CHECK(disk.remove(root + "/keep/me").has_value());
  CAF_CHECK(disk.list(root + "/keep")->empty());
  CAF_CHECK(disk.list(root + "/none")->empty());
}

CAF_TEST(text is replaced as a whole) {
  CAF_CHECK(disk.write_text(root + "/n/id", "one").has_value());
  CAF_CHECK(disk.write_text(root + "/n/id", "two").has_value());
  CAF_CHECK_EQUAL(get("n/id"), "two");
  CAF_CHECK_EQUAL(disk.list(root + "/n")->size(), 1u);
  put("big", std::string(64 * 1024, 'x'));
  CAF_CHECK(disk.read_text(root + "/big").has_value());
  put("big", std::string(64 * 1024 + 1, 'x'));
  CAF_CHECK(code_of(disk.read_text(root + "/big")) == errc::too_large);
}

CAF_TEST(a walk is depth first in byte order and leaves out what is hidden or a link) {
  for (auto name : {"b/2.mp4", "b/1.mp4", "b/c/x.mp4", "B/y.mp4", "z.mp4", "a.mp4", ".hidden/h.mp4", "b/.h.mp4",
                    "b/no.skip", "empty.skip"})
    put(name);
  fs::create_directories(root + "/void");
  ::symlink(root.c_str(), (root + "/b/loop").c_str());
  ::symlink("/etc/passwd", (root + "/passwd.mp4").c_str());
  ::mkfifo((root + "/pipe.mp4").c_str(), 0600);
  auto seen = walk(root);
  std::vector<std::string> expected{"a.mp4", "z.mp4", "B/y.mp4", "b/1.mp4", "b/2.mp4", "b/c/x.mp4"};
  CAF_CHECK_EQUAL(seen.paths, expected);
  CAF_CHECK(seen.problems.empty());
  CAF_CHECK_EQUAL(seen.last.directories_done, 5u);
  CAF_CHECK_EQUAL(seen.last.directories_seen, 5u);
  ::symlink(root.c_str(), (root + "-link").c_str());
  CAF_CHECK_EQUAL(walk(root + "-link").paths, expected);
  ::unlink((root + "-link").c_str());
}

CAF_TEST(batches are bounded and a walk can be stopped) {
  for (int i = 0; i < 1201; ++i)
    put("d" + std::to_string(i % 7) + "/" + std::to_string(i));
  auto seen = walk(root);
  CAF_CHECK_EQUAL(seen.paths.size(), 1201u);
  CAF_CHECK(seen.largest <= 500);
  int calls = 0;
  auto stopped = disk.walk(
    root, [](std::string_view) { return true; }, [&](ports::walk_batch) { return ++calls < 2; });
  CAF_CHECK(code_of(stopped) == errc::cancelled);
  CAF_CHECK_EQUAL(calls, 2);
}

CAF_TEST(a tree that is deeper than a path may be long is walked as far as it goes) {
  auto at = ::open(root.c_str(), O_DIRECTORY | O_CLOEXEC);
  std::string name(200, 'd');
  for (int i = 0; i < 40; ++i) {
    ::mkdirat(at, name.c_str(), 0755);
    ::close(::openat(at, "f.mp4", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    int next = ::openat(at, name.c_str(), O_DIRECTORY | O_CLOEXEC);
    ::close(at);
    at = next;
  }
  ::close(at);
  auto seen = walk(root);
  CAF_CHECK(seen.paths.size() >= 19);
  CAF_REQUIRE_EQUAL(seen.problems.size(), 1u);
  CAF_CHECK_EQUAL(seen.hidden.size(), 1u);
  CAF_CHECK(disk.remove(root + "/" + name).has_value());
}

CAF_TEST(odd names and roots) {
  put("line\nbreak.mp4");
  put("\xc3\xa4\xf0\x9f\x8e\xac.mp4");
  put("bad\xff.mp4");
  put("overlong\xc0\xaf.mp4");
  auto seen = walk(root);
  CAF_CHECK_EQUAL(seen.paths.size(), 2u);
  CAF_CHECK_EQUAL(seen.problems.size(), 2u);
  // Names that could never be known hide nothing.
  CAF_CHECK(seen.hidden.empty());
  auto none = [](ports::walk_batch) { return true; };
  auto all = [](std::string_view) { return true; };
  CAF_CHECK(code_of(disk.walk(root + "/none", all, none)) == errc::not_found);
  CAF_CHECK(code_of(disk.walk(put("file"), all, none)) == errc::not_found);
}

CAF_TEST(an unreadable folder is a problem and not the end) {
  put("open/a.mp4");
  put("shut/b.mp4");
  fs::permissions(root + "/shut", fs::perms::none);
  fs::permissions(root, fs::perms::all);
  fs::permissions(root + "/open", fs::perms::all);
  // Root reads everything, so an ordinary user looks.
  auto pid = ::fork();
  if (pid == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0)
      ::_exit(2);
    size_t files = 0;
    size_t problems = 0;
    auto done = disk.walk(
      root, [](std::string_view) { return true; },
      [&](ports::walk_batch b) {
        files += b.files.size();
        problems += b.problems.size();
        return true;
      });
    ::_exit(done && files == 1 && problems == 1 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  fs::permissions(root + "/shut", fs::perms::owner_all);
  CAF_CHECK_EQUAL(status, 0);
}

CAF_TEST(random trees are seen whole) {
  auto seeds = std::getenv("TROUPE_SEEDS") ? std::stoul(std::getenv("TROUPE_SEEDS")) : 20ul;
  auto first = std::getenv("TROUPE_SEED") ? std::stoul(std::getenv("TROUPE_SEED")) : 1ul;
  for (auto seed = first; seed < first + seeds; ++seed) {
    std::mt19937_64 rng{seed};
    auto top = "s" + std::to_string(seed);
    fs::create_directories(root + "/" + top);
    std::vector<std::string> expected;
    for (int i = 0; i < 60; ++i) {
      std::string path;
      for (auto depth = rng() % 5; depth > 0; --depth)
        path += std::string(1, static_cast<char>('a' + rng() % 3)) + "/";
      path += "f" + std::to_string(i);
      put(top + "/" + path);
      expected.push_back(path);
    }
    auto seen = walk(root + "/" + top).paths;
    std::sort(expected.begin(), expected.end());
    std::sort(seen.begin(), seen.end());
    if (seen != expected)
      CAF_FAIL("seed " << seed);
  }
}

CAF_TEST(a full disk is storage_full at every write) {
  auto mounted = root + "/small";
  fs::create_directories(mounted);
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=64k") != 0) {
    std::cerr << "SKIPPED: a full disk is storage_full at every write (mounting is not allowed here)\n";
    return;
  }
  auto filler = disk.create(mounted + "/filler");
  CAF_REQUIRE(filler.has_value());
  std::string block(4096, 'x');
  while (::write(filler->get(), block.data(), block.size()) > 0) {}
  CAF_CHECK(disk.space(mounted)->available == 0);
  auto written = disk.write_text(mounted + "/text", block);
  CAF_CHECK(code_of(written) == errc::storage_full);
  CAF_CHECK_EQUAL(disk.list(mounted)->size(), 1u);
  CAF_CHECK(code_of(host::data_folder::open(mounted)) == errc::storage_full);
  ::umount2(mounted.c_str(), MNT_DETACH);
}

CAF_TEST(publishing to another file system is refused and leaves the source) {
  auto mounted = root + "/other";
  fs::create_directories(mounted);
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=64k") != 0) {
    std::cerr << "SKIPPED: publishing to another file system (mounting is not allowed here)\n";
    return;
  }
  auto from = put("a", "text");
  CAF_CHECK(code_of(disk.publish(from, mounted + "/a")) == errc::io);
  CAF_CHECK_EQUAL(get("a"), "text");
  ::umount2(mounted.c_str(), MNT_DETACH);
}

CAF_TEST(one node a data folder) {
  std::string id;
  {
    auto first = host::data_folder::open(root + "/data/");
    CAF_REQUIRE(first.has_value());
    id = first->node_id();
    CAF_CHECK_EQUAL(id.size(), 26u);
    CAF_CHECK_EQUAL(first->database(), root + "/data/troupe.db");
    CAF_CHECK(fs::is_directory(root + "/data/artwork"));
    auto second = host::data_folder::open(root + "/data");
    CAF_REQUIRE(!second);
    CAF_CHECK(second.error().code == errc::conflict);
    CAF_CHECK(second.error().message.find("process " + std::to_string(::getpid()) + ":") != std::string::npos);
  }
  {
    auto third = host::data_folder::open(root + "/data");
    CAF_REQUIRE(third.has_value());
    CAF_CHECK_EQUAL(third->node_id(), id);
  }
  put("data/node.id", "nonsense");
  CAF_CHECK(code_of(host::data_folder::open(root + "/data")) == errc::conflict);
}

CAF_TEST(what the process and the machine use) {
  auto before = host::read_process_usage();
  CAF_REQUIRE(before.has_value());
  CAF_CHECK(before->resident > 1 << 20);
  CAF_CHECK(before->virtual_size > before->resident);
  CAF_CHECK(before->threads >= 1);
  CAF_CHECK(before->open_descriptors >= 3);
  CAF_CHECK(before->max_descriptors > before->open_descriptors);
  auto age = system_clocks{}.wall() - before->started;
  CAF_CHECK(age > milliseconds{-2000});
  CAF_CHECK(age < milliseconds{600'000});
  unique_fd one{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  CAF_CHECK(host::read_process_usage()->open_descriptors == before->open_descriptors + 1);
  auto machine = host::read_machine_usage();
  CAF_REQUIRE(machine.has_value());
  CAF_CHECK(machine->cores >= 1);
  CAF_CHECK(machine->memory_total > machine->memory_available);
  CAF_CHECK(machine->memory_available > 0);
}

CAF_TEST(a look at a folder) {
  host::files disk;
  CAF_CHECK_EQUAL(disk.look_at_folder(root + "/none").error().code, errc::not_found);
  auto file = put("file");
  CAF_CHECK_EQUAL(disk.look_at_folder(file).error().message, file + " is not a folder");
  CAF_CHECK_EQUAL(disk.look_at_folder(file).error().code, errc::unprocessable);
  CAF_CHECK_EQUAL(disk.look_at_folder(file + "/below").error().code, errc::not_found);
  fs::create_directories(root + "/empty/lost+found");
  CAF_CHECK(disk.look_at_folder(root + "/empty")->empty);
  CAF_CHECK(!disk.look_at_folder(root)->empty);
  fs::create_symlink(root + "/empty", root + "/link");
  auto linked = disk.look_at_folder(root + "/link");
  CAF_REQUIRE(linked.has_value());
  CAF_CHECK(linked->empty);
  CAF_CHECK_EQUAL(linked->link, root + "/empty");
  CAF_CHECK_EQUAL(linked->real_path, fs::canonical(root).string() + "/empty");
  CAF_CHECK(linked->inode != 0 && linked->inode == disk.look_at_folder(root + "/empty")->inode);
  fs::create_symlink("nowhere", root + "/dangling");
  CAF_CHECK_EQUAL(disk.look_at_folder(root + "/dangling").error().message,
                  root + "/dangling is a symbolic link to nowhere, which is not there");
  CAF_CHECK_EQUAL(disk.look_at_folder("relative").error().code, errc::validation);
}

CAF_TEST_FIXTURE_SCOPE_END()
