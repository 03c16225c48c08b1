#define CAF_SUITE store.derivatives

#include "tests/unit/store/fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

/// A database for one ready video of one library; neither has been written yet.
struct with_video : opened {
  with_video(database_under_test& db, uint64_t seed) :
    opened(db), rng(seed), lib(random_library(rng)), v(random_video(rng, lib.id)) {
    v.state = video_state::ready;
    v.thumbnails.clear();
  }
  std::mt19937_64 rng;
  library lib;
  video v;
};

} // namespace

CAF_TEST(a video has one storyboard and only of its present content) {
  on_both([](database_under_test& db) {
    with_video o{db, 26};
    auto& v = o.v;
    auto board = [&] { return must(o.reader->find_video(v.id)).board; };
    auto first = random_storyboard(o.rng, v);
    first.made_by = "1";
    auto late = random_storyboard(o.rng, v);
    late.version.mtime_ns += 1;
    late.made_by = "9";
    auto for_nobody = random_storyboard(o.rng, random_video(o.rng, o.lib.id));
    ports::catalogue_changes x;
    x.libraries = {o.lib};
    x.added = {v};
    x.storyboards = {first, late, for_nobody};
    o.apply(x);
    CAF_CHECK(board() == first);
    CAF_CHECK((must(o.reader->referenced_files()) == std::vector{first.folder}));
    // What is superseded is named by no row any more.
    auto second = random_storyboard(o.rng, v);
    second.made_by = "2";
    x = {};
    x.storyboards = {second};
    o.apply(x);
    CAF_CHECK(board() == second);
    CAF_CHECK((must(o.reader->referenced_files()) == std::vector{second.folder}));
    // The job that was asked for first has ended last.
    x.storyboards = {first};
    o.apply(x);
    CAF_CHECK(board() == second);
    // The file has another content: what is shown of the old one is not of it.
    auto before = v.version;
    v.version.size += 1;
    x = {};
    x.found = {v};
    o.apply(x);
    CAF_CHECK(!board().exists());
    CAF_CHECK(must(o.reader->referenced_files()).empty());
    v.version = before;
    x.found = {v};
    o.apply(x);
    CAF_CHECK(board() == second);
    x = {};
    x.removed_storyboards = {v.id};
    x.states = {{v.id, video_state::removed, from_ms(1)}};
    o.apply(x);
    CAF_CHECK(!board().exists());
    x = {};
    x.storyboards = {first};
    o.apply(x);
    CAF_CHECK(!board().exists());
    x = {};
    x.states = {{v.id, video_state::ready, from_ms(2)}};
    o.apply(x);
    x = {};
    x.storyboards = {first};
    o.apply(x);
    CAF_CHECK(board() == first);
    x = {};
    x.removed_videos = {v.id};
    o.apply(x);
    CAF_CHECK(must(o.reader->referenced_files()).empty());
  });
}

CAF_TEST(what is made of a content goes when another one is ingested) {
  on_both([](database_under_test& db) {
    with_video o{db, 27};
    auto& v = o.v;
    auto board = random_storyboard(o.rng, v);
    board.made_by = "9";
    auto ladder = random_rendition(o.rng, v.id);
    ladder.container = "hls";
    ladder.version = v.version;
    auto film = random_rendition(o.rng, v.id);
    ports::catalogue_changes x;
    x.libraries = {o.lib};
    x.found = {v};
    x.storyboards = {board};
    x.renditions = {ladder, film};
    o.apply(x);
    x = {};
    x.ingested = {v};
    o.apply(x);
    CAF_CHECK_EQUAL(must(o.reader->referenced_files()).size(), 3u);
    auto before = v;
    v.version.inode += 1;
    x = {};
    x.found = {v};
    x.ingested = {before};
    o.apply(x);
    // A late ingest of the old content has no say.
    CAF_CHECK_EQUAL(must(o.reader->find_video(v.id)).renditions.size(), 2u);
    x = {};
    x.ingested = {v};
    x.renditions = {ladder};
    o.apply(x);
    CAF_CHECK((must(o.reader->find_video(v.id)).renditions == std::vector{film}));
    // The row is gone, not only hidden: an older job's takes its place, and the old content is shown no more.
    x = {};
    x.found = {before};
    o.apply(x);
    CAF_CHECK(!must(o.reader->find_video(v.id)).board.exists());
    CAF_CHECK((must(o.reader->referenced_files()) == std::vector{film.file}));
  });
}

CAF_TEST(of the ladders of one profile the last that was asked for stays) {
  on_both([](database_under_test& db) {
    std::mt19937_64 rng{28};
    opened o{db};
    auto lib = random_library(rng);
    auto v = random_video(rng, lib.id);
    auto other = random_video(rng, lib.id);
    auto make = [&](const video& of, uint64_t n, const std::string& profile, const std::string& container) {
      auto r = random_rendition(rng, of.id);
      r.id = rendition_id{{of.id.raw.hi, n}};
      r.version = of.version;
      r.profile = profile;
      r.container = container;
      return r;
    };
    v.state = other.state = video_state::ready;
    auto second = make(v, 2, "hls", "hls");
    auto small = make(v, 1, "small", "hls");
    auto film = make(v, 0, "hls", "mp4");
    ports::catalogue_changes x;
    x.libraries = {lib};
    x.found = {v, other};
    x.renditions = {second, small, film, make(other, 1, "hls", "hls")};
    o.apply(x);
    x = {};
    x.renditions = {make(v, 1 << 10, "hls", "hls"), make(v, 3, "hls", "hls")};
    auto newest = x.renditions[0];
    o.apply(x);
    CAF_CHECK((must(o.reader->find_video(v.id)).renditions == std::vector{film, small, newest}));
    CAF_CHECK_EQUAL(must(o.reader->find_video(other.id)).renditions.size(), 1u);
  });
}
