#define CAF_SUITE store.model

// The store against a plain model in memory: random units of work, with reloads in between.

#include "tests/unit/store/fixture.hpp"

#include <cstdlib>

using namespace troupe;
using namespace troupe::test;

namespace {

struct model {
  std::map<job_id, job> jobs;
  std::map<std::string, queue_settings> queues;
  std::map<library_id, library> libraries;
  std::map<video_id, video> videos;
  std::map<video_id, storyboard> storyboards;
  std::map<rendition_id, rendition> renditions;

  bool holds(const lease_token& t) const {
    auto i = jobs.find(t.job);
    return i != jobs.end() && i->second.state == job_state::running && i->second.token() == t;
  }
  void erase_video(video_id id) {
    videos.erase(id);
    std::erase_if(renditions, [&](auto& x) { return x.second.video == id; });
    storyboards.erase(id);
  }
  void outdate(const video& v) {
    std::erase_if(renditions, [&](auto& x) {
      return x.second.video == v.id && x.second.is_ladder() && x.second.version != v.version;
    });
    std::erase_if(storyboards, [&](auto& x) { return x.first == v.id && x.second.version != v.version; });
  }
  void add(const rendition& r) {
    renditions.emplace(r.id, r);
    auto same = [&](auto& x) {
      return x.second.is_ladder() && x.second.video == r.video && x.second.profile == r.profile;
    };
    auto newest = std::find_if(renditions.rbegin(), renditions.rend(), same);
    if (r.is_ladder())
      std::erase_if(renditions, [&, id = newest->first](auto& x) { return same(x) && x.first != id; });
  }
  void put(const storyboard& s) {
    auto& row = storyboards[s.video];
    if (!row.exists() || row.version != s.version || row.made_by <= s.made_by)
      row = s;
  }
  void apply(const ports::unit_of_work& unit);
};

void model::apply(const ports::unit_of_work& unit) {
  for (auto& x : unit.jobs)
    if (!x.is_new)
      jobs[x.row.id] = x.row;
  for (auto& id : unit.removed_jobs)
    jobs.erase(id);
  for (auto& x : unit.jobs)
    if (x.is_new)
      jobs[x.row.id] = x.row;
  for (auto& q : unit.queues)
    queues[q.name] = q;
  auto& c = unit.catalogue;
  for (auto& lib : c.libraries)
    libraries[lib.id] = lib;
  for (auto& id : c.removed_videos)
    erase_video(id);
  for (auto& v : c.found) {
    auto [i, added] = videos.emplace(v.id, v);
    if (!added) {
      auto& old = i->second;
      old.library = v.library;
      old.path = v.path;
      old.category = v.category;
      old.version = v.version;
      old.state = v.state;
      old.updated = v.updated;
    }
  }
  for (auto& v : c.added)
    videos.emplace(v.id, v);
  for (auto& v : c.ingested) {
    auto i = videos.find(v.id);
    if (i == videos.end() || i->second.version != v.version || i->second.state == video_state::removed)
      continue;
    auto& old = i->second;
    auto merged = v;
    merged.library = old.library;
    merged.path = old.path;
    merged.category = old.category;
    merged.created = old.created;
    old = merged;
    outdate(v);
  }
  for (auto& s : c.states)
    if (auto i = videos.find(s.id); i != videos.end()) {
      i->second.state = s.state;
      i->second.updated = s.at;
    }
  for (auto& r : c.renditions)
    if (auto i = videos.find(r.video); i != videos.end() && i->second.state != video_state::removed
                                       && (!r.is_ladder() || i->second.version == r.version))
      add(r);
  for (auto& s : c.storyboards)
    if (auto i = videos.find(s.video);
        i != videos.end() && i->second.state != video_state::removed && i->second.version == s.version)
      put(s);
}

template <class Map>
auto pick(std::mt19937_64& rng, Map& map) {
  return std::next(map.begin(), static_cast<long>(rng() % map.size()))->second;
}

ports::unit_of_work random_unit(std::mt19937_64& rng, const model& now) {
  ports::unit_of_work unit;
  std::map<job_id, job> touched;
  for (auto n = rng() % 4; n > 0; --n) {
    bool is_new = now.jobs.empty() || rng() % 2;
    auto x = is_new ? random_job(rng) : pick(rng, now.jobs);
    if (!touched.emplace(x.id, x).second)
      continue;
    if (!is_new)
      change_job(rng, x);
    unit.jobs.push_back({x, is_new});
  }
  if (!now.jobs.empty() && rng() % 6 == 0)
    unit.removed_jobs.push_back(pick(rng, now.jobs).id);
  if (!now.jobs.empty() && rng() % 3 == 0) {
    unit.fence = pick(rng, now.jobs).token();
    unit.fence.attempt += rng() % 3 == 0;
    unit.fence.term -= rng() % 5 == 0;
  }
  if (rng() % 5 == 0)
    unit.queues.push_back({rng() % 2 ? "video" : random_text(rng), rng() % 2 == 0, 1, static_cast<uint32_t>(rng())});
  auto& c = unit.catalogue;
  library_id lib{{1, rng() % 3}};
  if (rng() % 8 == 0)
    c.libraries.push_back({lib, random_text(rng), "x", random_text(rng), library_origin::folder, {}, from_ms(3)});
  auto some_video = [&] {
    auto v = random_video(rng, lib);
    if (!now.videos.empty() && rng() % 2) {
      auto old = pick(rng, now.videos);
      v.id = old.id;
      if (rng() % 2)
        v.version = old.version;
    }
    return v;
  };
  if (rng() % 3 == 0)
    c.found.push_back(some_video());
  if (rng() % 3 == 0)
    c.added.push_back(some_video());
  if (rng() % 3 == 0)
    c.ingested.push_back(some_video());
  if (!now.videos.empty()) {
    auto v = pick(rng, now.videos);
    if (rng() % 5 == 0)
      c.states.push_back({v.id, static_cast<video_state>(rng() % 5), from_ms(8)});
    if (rng() % 3 == 0)
      c.renditions.push_back(random_rendition(rng, v.id));
    if (rng() % 3 == 0) {
      c.renditions.push_back(random_rendition(rng, v.id));
      c.renditions.back().container = "hls";
      c.renditions.back().version = v.version;
    }
    if (rng() % 3 == 0)
      c.storyboards.push_back(random_storyboard(rng, v));
    if (rng() % 12 == 0)
      c.removed_videos.push_back(pick(rng, now.videos).id);
  }
  return unit;
}

std::string difference(const model& expected, ports::store_writer& writer, ports::store_reader& reader) {
  auto loaded = must(writer.load_jobs());
  std::map<job_id, job> hot;
  for (auto& [id, x] : expected.jobs)
    if (!x.archived)
      hot.emplace(id, x);
    else if (auto found = reader.find_job(id); !found || *found != x)
      return "archived job " + id.str();
  if (loaded.jobs.size() != hot.size())
    return "number of hot jobs";
  for (auto& x : loaded.jobs)
    if (hot[x.id] != x)
      return "job " + x.id.str();
  std::map<std::string, queue_settings> queues;
  for (auto& q : loaded.queues)
    queues[q.name] = q;
  if (queues != expected.queues)
    return "queues";
  if (must(reader.libraries()).size() != expected.libraries.size())
    return "libraries";
  for (auto& [id, v] : expected.videos) {
    auto found = reader.find_video(id);
    if (!found || found->item != v)
      return "video " + id.str();
    std::vector<rendition> made;
    for (auto& [_, r] : expected.renditions)
      if (r.video == id)
        made.push_back(r);
    if (found->renditions != made)
      return "renditions of " + id.str();
    auto board = expected.storyboards.find(id);
    auto shown = board != expected.storyboards.end() && board->second.version == v.version;
    if (found->board != (shown ? board->second : storyboard{}))
      return "storyboard of " + id.str();
  }
  for (uint64_t i = 0; i < 3; ++i)
    for (auto& f : must(reader.known_files(library_id{{1, i}}, "", 100'000)))
      if (!expected.videos.count(f.id))
        return "a video too many";
  return {};
}

/// Not synced: this is about what is written, not about when.
std::unique_ptr<ports::database> open_fast(database_under_test& db) {
  store::open_options options;
  options.synchronous_off = true;
  return must(db.kind == "sqlite" ? store::open_sqlite(db.address, options)
                                  : store::open_postgres(db.address, options));
}

/// What differs, empty for nothing.
std::string play(database_under_test& db, uint64_t seed) {
  std::mt19937_64 rng{seed};
  model expected;
  auto store = open_fast(db);
  auto writer = must(store->open_writer());
  auto reader = must(store->open_reader());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 8; ++i) {
      std::vector<ports::unit_of_work> units;
      std::vector<bool> applies;
      auto ahead = expected;
      for (auto n = 1 + rng() % 4; n > 0; --n) {
        units.push_back(random_unit(rng, ahead));
        applies.push_back(!units.back().fence.job || ahead.holds(units.back().fence));
        if (applies.back())
          ahead.apply(units.back());
      }
      std::vector<const ports::unit_of_work*> pointers;
      for (auto& u : units)
        pointers.push_back(&u);
      auto answers = writer->commit(pointers);
      if (!answers)
        return "commit: " + answers.error().message;
      for (size_t k = 0; k < units.size(); ++k)
        if ((*answers)[k].has_value() != applies[k])
          return "fence of unit " + std::to_string(k);
      expected = std::move(ahead);
    }
    if (auto what = difference(expected, *writer, *reader); !what.empty())
      return what;
    writer.reset();
    reader.reset();
    store = open_fast(db);
    writer = must(store->open_writer());
    reader = must(store->open_reader());
  }
  return difference(expected, *writer, *reader);
}

uint64_t number_from(const char* name, uint64_t otherwise) {
  auto* text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

void play_seeds(bool postgres, uint64_t count) {
  auto one = number_from("TROUPE_SEED", 0);
  auto last = one ? one : number_from("TROUPE_SEEDS", count);
  for (auto seed = one ? one : 1; seed <= last; ++seed) {
    database_under_test db{postgres};
    auto what = play(db, seed);
    if (!what.empty())
      CAF_MESSAGE("TROUPE_SEED=" << seed << " on " << db.kind << ": " << what);
    CAF_REQUIRE(what.empty());
  }
}

} // namespace

CAF_TEST(random units of work on SQLite) {
  play_seeds(false, 60);
}

CAF_TEST(random units of work on PostgreSQL) {
  play_seeds(true, 10);
}
