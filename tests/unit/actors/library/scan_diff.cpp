#define CAF_SUITE library.scan_diff

#include "actors/library/scan_diff.hpp"
#include "actors/library/librarian.hpp"
#include "actors/library/payloads.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <random>
#include <set>

using namespace troupe;
using namespace troupe::catalogue;

namespace {

known_file known(uint64_t id, std::string path, uint64_t size, video_state state) {
  return {video_id{{0, id}}, std::move(path), {size, 1, 1}, state};
}

library folder(uint64_t id, std::string root) {
  library x;
  x.id = library_id{{0, id}};
  x.name = "l" + std::to_string(id);
  x.root = std::move(root);
  return x;
}

} // namespace

CAF_TEST(media names) {
  for (auto name : {"a.mp4", "A.MKV", "x.y.webm", "f.ts", "g.m2ts", "s.mp3", "d.3gp"})
    CAF_CHECK(is_media_name(name));
  for (auto name :
       {"", ".", ".mp4", "mp4", "a.", "a.txt", "a.mp4x", ".hidden.mp4", "a.jpeg", "a.mp4.part", "a.torrent"})
    CAF_CHECK(!is_media_name(name));
}

CAF_TEST(names that media share with text) {
  for (auto name : {"f.ts", "F.TS", "a/b.c/g.mts", "x.Mts"})
    CAF_CHECK(may_name_text(name));
  for (auto name : {"f.mp4", "g.m2ts", "ts", "a.ts/b", ".ts", "a.xts", "a.its", "b.aif"})
    CAF_CHECK(!may_name_text(name));
  CAF_CHECK(looks_like_text("import { x } from './x';\r\n\tlet n = 'größe';\n"));
  CAF_CHECK(looks_like_text("<?xml version=\"1.0\"?>\n<!DOCTYPE TS><TS>"));
  using namespace std::string_view_literals;
  for (auto head : {""sv, "\x47\x40\x11\x10\0B"sv, "\0\0\0\x02G@"sv, "text and\0"sv, "\x7f\x45LF"sv})
    CAF_CHECK(!looks_like_text(head));
}

CAF_TEST(another mount numbers the same files differently) {
  constexpr int64_t second = 1'000'000'000;
  for (bool own : {true, false}) {
    scan_diff d{own};
    d.add_known({video_id{{0, 1}}, "same", {1, 9 * second, 1}, video_state::ready});
    d.add_known({video_id{{0, 2}}, "grown", {1, 9 * second, 1}, video_state::ready});
    d.add_known({video_id{{0, 3}}, "back", {1, 9 * second, 1}, video_state::missing});
    CAF_CHECK_EQUAL(d.found("same", {1, 8 * second, 77}).has_value(), own);
    CAF_CHECK(d.found("grown", {2, 9 * second, 77}).has_value());
    // What is written again keeps its name, so that the work for it finds it.
    auto back = d.found("back", {1, 9 * second, 77});
    CAF_REQUIRE(back.has_value());
    CAF_CHECK_EQUAL(back->version.inode, own ? 77u : 1u);
  }
}

CAF_TEST(each state of a known file) {
  scan_diff d;
  d.add_known(known(1, "ready", 1, video_state::ready));
  d.add_known(known(2, "changed", 1, video_state::ready));
  d.add_known(known(3, "failed", 1, video_state::failed));
  d.add_known(known(4, "pending", 1, video_state::pending));
  d.add_known(known(5, "missing", 1, video_state::missing));
  d.add_known(known(6, "removed", 1, video_state::removed));
  d.add_known(known(7, "gone", 1, video_state::ready));
  CAF_CHECK_EQUAL(d.present_before(), 5u);
  CAF_CHECK(!d.found("ready", {1, 1, 1}));
  CAF_CHECK(!d.found("failed", {1, 1, 1}));
  CAF_CHECK(!d.found("removed", {9, 9, 9}));
  for (auto& [path, size, id] : {std::tuple{"changed", 2u, 2u}, {"pending", 1u, 4u}, {"missing", 1u, 5u}}) {
    auto x = d.found(path, {size, 1, 1});
    CAF_REQUIRE(x.has_value());
    CAF_CHECK_EQUAL(x->id.raw.lo, id);
    CAF_CHECK_EQUAL(x->version.size, size);
  }
  auto fresh = d.found("new", {1, 1, 1});
  CAF_REQUIRE(fresh.has_value());
  CAF_CHECK(!fresh->id);
  auto gone = d.missing();
  CAF_REQUIRE_EQUAL(gone.size(), 1u);
  CAF_CHECK_EQUAL(gone[0].raw.lo, 7u);
  CAF_CHECK_EQUAL(d.items_new(), 1u);
  CAF_CHECK_EQUAL(d.items_updated(), 2u);
}

CAF_TEST(what is told of random folders makes the catalogue equal to the disk) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    std::mt19937_64 rng{seed};
    std::map<std::string, known_file> catalogue;
    std::map<std::string, file_version> disk;
    uint64_t next_id = 1;
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 8; ++i) {
        auto path = std::to_string(rng() % 10);
        if (rng() % 3 == 0)
          disk.erase(path);
        else
          disk[path] = {rng() % 3, 1, 1};
      }
      scan_diff d;
      for (auto& [path, f] : catalogue)
        d.add_known(f);
      for (auto& [path, version] : disk) {
        auto told = d.found(path, version);
        if (!told)
          continue;
        if (!told->id)
          told->id = video_id{{0, next_id++}};
        told->state = rng() % 4 == 0 ? video_state::pending : video_state::ready;
        catalogue[path] = *told;
      }
      for (auto id : d.missing())
        for (auto& [path, f] : catalogue)
          if (f.id == id)
            f.state = video_state::missing;
      std::set<std::string> present;
      for (auto& [path, f] : catalogue)
        if (f.state != video_state::missing) {
          present.insert(path);
          if (disk.count(path) == 0 || disk[path] != f.version)
            CAF_FAIL("seed " << seed << ": " << path << " is not as on the disk");
        }
      if (present.size() != disk.size())
        CAF_FAIL("seed " << seed << ": " << present.size() << " of " << disk.size() << " files known");
    }
  }
}

CAF_TEST(what could not be looked at is hidden and not gone) {
  scan_diff diff;
  for (auto path : {"a/b/c.mkv", "a/bc/d.mkv", "a/e.mkv", "f.mkv"})
    diff.add_known(known(static_cast<uint64_t>(path[2]), path, 1, video_state::ready));
  diff.hidden("a/b");
  diff.hidden("f.mkv");
  auto gone = diff.missing();
  CAF_CHECK_EQUAL(gone.size(), 2u);
  diff.hidden("a");
  CAF_CHECK(diff.missing().empty());
}

CAF_TEST(roots of libraries) {
  std::unordered_map<library_id, library> others;
  for (auto& x : {folder(1, "/media/films"), folder(2, "/srv/a")})
    others[x.id] = x;
  auto uploads = folder(3, "/data/uploads");
  uploads.origin = library_origin::uploads;
  others[uploads.id] = uploads;
  auto code = [&](std::string root, uint64_t own = 0) {
    auto x = check_root(std::move(root), library_id{{0, own}}, "/data", others);
    return x ? errc::none : x.error().code;
  };
  CAF_CHECK(code("/media/series") == errc::none);
  CAF_CHECK(code("/media/filmsx") == errc::none);
  CAF_CHECK(code("/media/films", 1) == errc::none);
  CAF_CHECK(code("") == errc::validation);
  CAF_CHECK(code("media") == errc::validation);
  CAF_CHECK(code("C:\\media") == errc::validation);
  CAF_CHECK(code("/media/../etc") == errc::validation);
  CAF_CHECK(code("/media/films") == errc::conflict);
  CAF_CHECK(code("/media//films/./") == errc::conflict);
  CAF_CHECK(code("/media/films/new") == errc::conflict);
  CAF_CHECK(code("/media") == errc::conflict);
  CAF_CHECK(code("/") == errc::conflict);
  CAF_CHECK(code("/data") == errc::conflict);
  CAF_CHECK(code("/data/uploads") == errc::conflict);
  auto normal = check_root("/x//y/./z/", {}, "/data", others);
  CAF_REQUIRE(normal.has_value());
  CAF_CHECK_EQUAL(*normal, "/x/y/z");
}

CAF_TEST(no library shows the system or the papers of its node) {
  const std::vector<std::string> closed{"/home/me/troupe/papers", "/home/me/troupe/trouped.toml"};
  auto code = [&](const std::string& root) {
    auto x = check_places(root, closed);
    return x ? errc::none : x.error().code;
  };
  for (auto good : {"/home/me/films", "/home/me/troupe/films", "/home/me/troupe/papers2", "/run/media/me/disk",
                    "/dev/shm/films", "/devices", "/etcetera", "/srv/etc"})
    CAF_CHECK(code(good) == errc::none);
  for (auto bad : {"/", "/etc", "/etc/ssl", "/proc", "/proc/1", "/sys", "/dev", "/dev/shm", "/run", "/run/media",
                   "/run/secrets", "/home/me/troupe/papers", "/home/me/troupe/papers/old", "/home/me/troupe", "/home",
                   "/home/me/troupe/trouped.toml"})
    CAF_CHECK(code(bad) == errc::forbidden);
  CAF_CHECK(check_places("/home/me", {}).has_value());
}

CAF_TEST(payload of a scan and back) {
  scan_payload x{scan_id{{1, 2}}, library_id{{3, 4}}, "/a \"b\""};
  auto back = decode_scan_payload(encode(x));
  CAF_REQUIRE(back.has_value());
  CAF_CHECK(back->scan == x.scan && back->library == x.library && back->root == x.root);
  for (auto text : {"", "{", "[]", "{}", R"({"scanId":"x","libraryId":"y","root":"/"})", R"({"scanId":1})"})
    CAF_CHECK(!decode_scan_payload(text));
}
