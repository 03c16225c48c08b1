#define CAF_SUITE store.catalogue

#include "tests/unit/store/fixture.hpp"

#include <algorithm>
#include <set>

using namespace troupe;
using namespace troupe::test;

CAF_TEST(rows are read back as they were written and replaced) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{21};
    opened o{db};
    for (int i = 0; i < 50; ++i) {
      auto lib = random_library(rng);
      auto v = random_video(rng, lib.id);
      if (v.state == video_state::removed)
        v.state = video_state::ready;
      auto r = random_rendition(rng, v.id);
      auto s = random_scan(rng, lib.id);
      ports::catalogue_changes x;
      x.libraries = {lib};
      x.added = {v};
      x.renditions = {r};
      x.scans = {s};
      o.apply(x);
      auto detail = must(o.reader->find_video(v.id));
      CAF_REQUIRE(detail.item == v);
      CAF_REQUIRE(detail.home == lib);
      CAF_REQUIRE(detail.renditions == std::vector{r});
      CAF_REQUIRE(must(o.reader->find_scan(s.id)) == s);
      auto again = random_scan(rng, lib.id);
      again.id = s.id;
      lib.name = "other";
      auto same_id = random_rendition(rng, v.id);
      same_id.id = r.id;
      auto for_nobody = random_rendition(rng, video_id{random_raw_id(rng)});
      x = {};
      x.libraries = {lib};
      x.scans = {again};
      x.renditions = {same_id, for_nobody};
      o.apply(x);
      CAF_REQUIRE(must(o.reader->find_scan(s.id)) == again);
      CAF_REQUIRE(must(o.reader->find_video(v.id)).home == lib);
      CAF_REQUIRE(must(o.reader->find_video(v.id)).renditions == std::vector{r});
    }
    auto scans = must(o.reader->scans(7));
    CAF_CHECK_EQUAL(scans.size(), 7u);
    CAF_CHECK(std::is_sorted(scans.begin(), scans.end(), [](const scan& a, const scan& b) { return b.id < a.id; }));
    CAF_CHECK_EQUAL(must(o.reader->libraries()).size(), 50u);
    CHECK_CODE(o.reader->find_video(video_id{{1, 1}}), errc::not_found);
    CHECK_CODE(o.reader->find_scan(scan_id{{1, 1}}), errc::not_found);
  });
}

CAF_TEST(each writer changes only what is its own) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{22};
    opened o{db};
    auto lib = random_library(rng);
    auto v = random_video(rng, lib.id);
    v.state = video_state::pending;
    ports::catalogue_changes x;
    x.found = {v};
    o.apply(x);
    CAF_REQUIRE(o.read(v) == v);

    auto ingested = random_video(rng, library_id{random_raw_id(rng)});
    ingested.id = v.id;
    ingested.version = v.version;
    ingested.state = video_state::ready;
    x = {};
    x.ingested = {ingested};
    o.apply(x);
    auto expected = ingested;
    expected.created = v.created;
    expected.library = v.library;
    expected.path = v.path;
    expected.category = v.category;
    CAF_REQUIRE(o.read(v) == expected);

    // The file has changed: a late result of the old content is dropped.
    auto found = random_video(rng, lib.id);
    found.id = v.id;
    x = {};
    x.found = {found};
    o.apply(x);
    expected.path = found.path;
    expected.version = found.version;
    expected.category = found.category;
    expected.state = found.state;
    expected.updated = found.updated;
    CAF_REQUIRE(o.read(v) == expected);
    x = {};
    x.ingested = {ingested};
    o.apply(x);
    CAF_REQUIRE(o.read(v) == expected);

    auto edit = random_video(rng, lib.id);
    edit.id = v.id;
    x = {};
    x.edited = {edit};
    x.states = {{v.id, video_state::removed, from_ms(99)}};
    o.apply(x);
    expected.title = edit.title;
    expected.category = edit.category;
    expected.updated = edit.updated;
    expected.state = video_state::removed;
    CAF_REQUIRE(o.read(v) == expected);

    // What a person removed does not come back by an ingest that was under way.
    ingested.version = expected.version;
    x = {};
    x.ingested = {ingested};
    o.apply(x);
    CAF_CHECK(o.read(v).state == video_state::removed);
    x = {};
    x.renditions = {random_rendition(rng, v.id)};
    o.apply(x);
    CAF_CHECK(must(o.reader->find_video(v.id)).renditions.empty());
    x = {};
    x.removed_videos = {v.id};
    o.apply(x);
    x = {};
    x.ingested = {ingested};
    o.apply(x);
    CHECK_CODE(o.reader->find_video(v.id), errc::not_found);

    // An upload that is told twice is the first one.
    x = {};
    x.added = {ingested};
    o.apply(x);
    CAF_REQUIRE(o.read(v) == ingested);
    auto again = random_video(rng, lib.id);
    again.id = v.id;
    x.added = {again};
    o.apply(x);
    CAF_REQUIRE(o.read(v) == ingested);
  });
}

CAF_TEST(paths are unique in a library and may be exchanged) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{23};
    opened o{db};
    auto lib = random_library(rng);
    auto a = random_video(rng, lib.id);
    auto b = random_video(rng, lib.id);
    ports::catalogue_changes x;
    x.found = {a, b};
    o.apply(x);
    std::swap(a.path, b.path);
    x.found = {a, b};
    o.apply(x);
    CAF_CHECK_EQUAL(o.read(a).path, a.path);
    CAF_CHECK_EQUAL(o.read(b).path, b.path);
    auto c = random_video(rng, lib.id);
    c.path = a.path;
    x.found = {c};
    CHECK_CODE(commit(*o.writer, unit_with(x)), errc::conflict);
    c.library = library_id{random_raw_id(rng)};
    x.found = {c};
    o.apply(x);
    // As long as a path can be.
    c.path = std::string(4000, 'x') + to_string(random_raw_id(rng));
    x.found = {c};
    o.apply(x);
    CAF_CHECK_EQUAL(o.read(c).path, c.path);
  });
}

CAF_TEST(what is removed takes along what belongs to it) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{24};
    opened o{db};
    auto lib = random_library(rng);
    auto a = random_video(rng, lib.id);
    auto b = random_video(rng, lib.id);
    auto c = random_video(rng, library_id{random_raw_id(rng)});
    for (auto* v : {&a, &b, &c}) {
      v->thumbnails.clear();
      v->state = video_state::ready;
    }
    ports::catalogue_changes x;
    x.libraries = {lib};
    x.found = {a, b, c};
    x.renditions = {random_rendition(rng, a.id), random_rendition(rng, b.id), random_rendition(rng, c.id)};
    o.apply(x);
    auto third = x.renditions[2];
    x = {};
    x.removed_videos = {a.id};
    o.apply(x);
    CAF_CHECK_EQUAL(must(o.reader->referenced_files()).size(), 2u);
    x = {};
    x.removed_libraries = {lib.id};
    o.apply(x);
    CAF_CHECK(!o.reader->find_video(b.id));
    CAF_CHECK(must(o.reader->libraries()).empty());
    CAF_CHECK((must(o.reader->referenced_files()) == std::vector{third.file}));
    x = {};
    x.removed_renditions = {third.id};
    o.apply(x);
    CAF_CHECK(must(o.reader->referenced_files()).empty());
  });
}

CAF_TEST(known files come in byte order page by page) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{25};
    opened o{db};
    library_id lib{random_raw_id(rng)};
    std::set<std::string> paths;
    while (paths.size() < 150) {
      std::string path{"a"};
      if (rng() % 10 == 0)
        path += std::string(1500, 'l');
      for (auto n = 1 + rng() % 3; n > 0; --n)
        path += static_cast<char>(rng());
      paths.insert(path);
    }
    ports::catalogue_changes x;
    for (auto& path : paths) {
      auto v = random_video(rng, lib);
      v.path = path;
      x.found.push_back(v);
    }
    std::shuffle(x.found.begin(), x.found.end(), rng);
    x.found.push_back(random_video(rng, library_id{random_raw_id(rng)}));
    o.apply(x);
    std::vector<std::string> got;
    std::string after;
    for (;;) {
      auto page = must(o.reader->known_files(lib, after, 13));
      if (page.empty())
        break;
      CAF_REQUIRE(page.size() <= 13);
      for (auto& f : page) {
        got.push_back(f.path);
        auto v = std::find_if(x.found.begin(), x.found.end(), [&](auto& y) { return y.id == f.id; });
        CAF_REQUIRE(v->path == f.path && v->version == f.version && v->state == f.state);
      }
      after = got.back();
    }
    CAF_CHECK(got == std::vector<std::string>(paths.begin(), paths.end()));
  });
}

CAF_TEST(lists of videos) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{26};
    opened o{db};
    library_id lib{random_raw_id(rng)};
    ports::catalogue_changes x;
    std::vector<std::string> titles{"100% Fun",     "100 Fun",     "a_b",   "axb",   "\xC3\x84RGER!",
                                    "\xC3\xA4rger", "' OR 1=1 --", "ZEBRA", "apple", "bang!"};
    for (size_t i = 0; i < titles.size(); ++i) {
      auto v = random_video(rng, lib);
      v.title = titles[i];
      v.state = i == 7 ? video_state::missing : video_state::ready;
      v.category = i < 4 ? "films" : "series";
      v.duration = static_cast<double>(i / 2);
      v.version.size = 100 - i;
      v.created = from_ms(static_cast<int64_t>(1000 + i / 3));
      x.found.push_back(v);
    }
    o.apply(x);
    auto search = [&](const std::string& text) {
      video_query q;
      q.search = text;
      q.sort = "title";
      std::vector<std::string> out;
      for (auto& v : must(o.reader->list_videos(q)).videos)
        out.push_back(v.title);
      return out;
    };
    using list = std::vector<std::string>;
    CAF_CHECK((search("100%") == list{"100% Fun"}));
    CAF_CHECK((search("A_b") == list{"a_b"}));
    CAF_CHECK((search("G!") == list{"bang!"}));
    CAF_CHECK_EQUAL(search("\xC3\x84rG").size(), 2u);
    CAF_CHECK((search("' or") == list{"' OR 1=1 --"}));
    CAF_CHECK(search("zebra").empty());
    CAF_CHECK(search("\xFF").empty());
    CAF_CHECK_EQUAL(search("").size(), 9u);
    CAF_CHECK(search("")[4] == "apple");
    for (auto sort : {"title", "-title", "created", "-created", "", "duration", "-duration", "size", "-size"}) {
      video_query q;
      q.sort = sort;
      q.limit = 100;
      auto all = must(o.reader->list_videos(q));
      CAF_CHECK_EQUAL(all.total, 9u);
      q.limit = 4;
      std::vector<video> paged;
      for (q.page = 1; q.page < 5; ++q.page)
        for (auto& v : must(o.reader->list_videos(q)).videos)
          paged.push_back(v);
      CAF_CHECK(paged == all.videos);
    }
    auto count = [&](auto set) {
      video_query q;
      set(q);
      return must(o.reader->list_videos(q)).total;
    };
    CAF_CHECK_EQUAL(count([](auto& q) { q.category = "films"; }), 4u);
    CAF_CHECK_EQUAL(count([](auto& q) { q.state = "missing"; }), 1u);
    CAF_CHECK_EQUAL(count([&](auto& q) { q.library = lib; }), 9u);
    CAF_CHECK_EQUAL(count([&](auto& q) { q.library = library_id{{1, 1}}; }), 0u);
    video_query q;
    q.sort = "title; DROP TABLE videos";
    CHECK_CODE(o.reader->list_videos(q), errc::validation);
    q = {};
    q.state = "nonsense";
    CHECK_CODE(o.reader->list_videos(q), errc::validation);
    q = {};
    q.search = std::string(300, '%');
    CHECK_CODE(o.reader->list_videos(q), errc::validation);
    auto categories = must(o.reader->categories());
    CAF_REQUIRE_EQUAL(categories.size(), 2u);
    CAF_CHECK_EQUAL(categories[0].category, "films");
    CAF_CHECK_EQUAL(categories[1].videos, 5u);
  });
}

CAF_TEST(files that rows name) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{27};
    opened o{db};
    auto uploads = random_library(rng, library_origin::uploads);
    auto downloads = random_library(rng, library_origin::downloads);
    auto folder = random_library(rng);
    ports::catalogue_changes x;
    x.libraries = {uploads, downloads, folder};
    ports::catalogue_changes removed;
    std::multiset<std::string> expected;
    for (auto* lib : {&uploads, &downloads, &folder}) {
      auto v = random_video(rng, lib->id);
      v.state = video_state::ready;
      removed.states.push_back({v.id, video_state::removed, from_ms(9)});
      for (auto& p : v.thumbnails)
        expected.insert(p.file);
      x.found.push_back(v);
      x.renditions.push_back(random_rendition(rng, v.id));
      expected.insert(x.renditions.back().file);
    }
    expected.insert("uploads/" + x.found[0].path);
    expected.insert("downloads/" + x.found[1].path);
    o.apply(x);
    o.apply(removed);
    auto got = must(o.reader->referenced_files());
    CAF_CHECK((std::multiset<std::string>(got.begin(), got.end()) == expected));
  });
}
