#pragma once

// A database that keeps in memory exactly what was committed, with the rules of ports/store.hpp that actors rely on:
// fences, unique keys, ingest that leaves newer content alone. Its commits fail when the test says so. One thread.

#include "protocol/ports/store.hpp"

#include <algorithm>
#include <deque>
#include <map>

namespace troupe::test {

class memory_store {
public:
  std::map<job_id, job> jobs;
  std::map<std::string, queue_settings> queues;
  std::map<std::string, node_rules> nodes;
  std::map<library_id, library> libraries;
  std::map<video_id, video> videos;
  std::map<rendition_id, rendition> renditions;
  std::map<video_id, storyboard> storyboards;
  std::map<scan_id, scan> scans;
  uint64_t term = 0;

  /// Of the next commits and reads: each fails with its error, in order; errc::none lets one pass.
  std::deque<errc> commit_failures;
  std::deque<errc> read_failures;
  /// A unit with this job fails every commit that it is part of (a row that the database does not take).
  job_id poison;
  size_t commits = 0;
  size_t writers_opened = 0;
  size_t recoveries = 0;

  bool holds(const lease_token& t) const {
    auto i = jobs.find(t.job);
    return i != jobs.end() && i->second.state == job_state::running && i->second.token() == t;
  }

  result<std::vector<result<void>>> commit(std::span<const ports::unit_of_work* const> units) {
    ++commits;
    if (auto failure = next(commit_failures); failure != errc::none)
      return {failure, "the test says so"};
    auto before = *this;
    std::vector<result<void>> out;
    for (auto* unit : units) {
      if (unit->fence.job && !holds(unit->fence)) {
        out.push_back(error{errc::stale_lease});
        continue;
      }
      if (std::ranges::any_of(unit->claimed.ids, [&](auto id) { return is_elsewhere(id, unit->claimed.library); })) {
        out.push_back(error{errc::forbidden});
        continue;
      }
      if (auto refused = apply(*unit); !refused) {
        auto seen = commits;
        *this = std::move(before);
        commits = seen;
        return std::move(refused).error();
      }
      out.emplace_back();
    }
    return out;
  }

  bool is_elsewhere(video_id id, library_id library) const {
    auto i = videos.find(id);
    return i != videos.end() && i->second.library != library;
  }

  errc next(std::deque<errc>& failures) {
    if (failures.empty())
      return errc::none;
    auto first = failures.front();
    failures.pop_front();
    return first;
  }

private:
  result<void> apply(const ports::unit_of_work& unit) {
    auto removed = [&](job_id id) { return std::ranges::find(unit.removed_jobs, id) != unit.removed_jobs.end(); };
    for (auto& x : unit.jobs) {
      if (poison && x.row.id == poison)
        return {errc::conflict, "poisoned"};
      if (x.is_new && jobs.contains(x.row.id) && !removed(x.row.id))
        return {errc::conflict, "this id is there already"};
    }
    for (auto& id : unit.removed_jobs)
      jobs.erase(id);
    for (auto& x : unit.jobs)
      if (x.is_new || !removed(x.row.id))
        jobs[x.row.id] = x.row;
    for (auto& q : unit.queues)
      queues[q.name] = q;
    for (auto& n : unit.nodes)
      nodes[n.name] = n;
    apply(unit.catalogue);
    return {};
  }

  void apply(const ports::catalogue_changes& c) {
    for (auto& x : c.libraries)
      libraries[x.id] = x;
    for (auto& id : c.removed_libraries) {
      libraries.erase(id);
      std::erase_if(videos, [&](auto& x) { return x.second.library == id; });
    }
    for (auto& v : c.found) {
      auto [i, added] = videos.emplace(v.id, v);
      if (!added) {
        i->second.version = v.version;
        i->second.state = v.state;
      }
    }
    for (auto& v : c.added)
      videos.emplace(v.id, v);
    for (auto& v : c.ingested)
      if (auto i = videos.find(v.id);
          i != videos.end() && i->second.version == v.version && i->second.state != video_state::removed)
        take_ingested(i->second, v);
    for (auto& s : c.states)
      if (auto i = videos.find(s.id); i != videos.end())
        i->second.state = s.state;
    for (auto& v : c.edited)
      if (auto i = videos.find(v.id); i != videos.end()) {
        i->second.title = v.title;
        i->second.category = v.category;
      }
    for (auto id : c.removed_videos)
      videos.erase(id);
    for (auto& r : c.renditions)
      if (auto i = videos.find(r.video); i != videos.end() && i->second.state != video_state::removed
                                         && (!r.is_ladder() || i->second.version == r.version))
        add_rendition(r);
    for (auto id : c.removed_renditions)
      renditions.erase(id);
    for (auto& s : c.storyboards)
      if (auto i = videos.find(s.video);
          i != videos.end() && i->second.version == s.version && i->second.state != video_state::removed)
        put_storyboard(s);
    for (auto id : c.removed_storyboards)
      storyboards.erase(id);
    for (auto& s : c.scans)
      scans[s.id] = s;
  }

  void take_ingested(video& row, const video& v) {
    row = v;
    std::erase_if(renditions, [&](auto& x) {
      return x.second.video == v.id && x.second.is_ladder() && x.second.version != v.version;
    });
    std::erase_if(storyboards, [&](auto& x) { return x.first == v.id && x.second.version != v.version; });
  }
  void add_rendition(const rendition& r) {
    renditions.emplace(r.id, r);
    if (!r.is_ladder())
      return;
    auto same = [&](const rendition& x) { return x.is_ladder() && x.video == r.video && x.profile == r.profile; };
    rendition_id newest;
    for (auto& [id, x] : renditions)
      if (same(x))
        newest = id;
    std::erase_if(renditions, [&](auto& x) { return same(x.second) && x.first != newest; });
  }
  void put_storyboard(const storyboard& s) {
    auto& row = storyboards[s.video];
    if (!row.exists() || row.version != s.version || row.made_by <= s.made_by)
      row = s;
  }
};

class memory_writer final : public ports::store_writer {
public:
  explicit memory_writer(std::shared_ptr<memory_store> store) : store_(std::move(store)) {
  }
  result<uint64_t> raise_term() override {
    return ++store_->term;
  }
  result<std::vector<result<void>>> commit(std::span<const ports::unit_of_work* const> units) override {
    return store_->commit(units);
  }
  result<ports::recovered_jobs> load_jobs() override {
    ++store_->recoveries;
    ports::recovered_jobs out;
    for (auto& [id, x] : store_->jobs) {
      if (!x.archived)
        out.jobs.push_back(x);
      else if (!x.spec.submission_id.empty())
        out.archived_submissions.emplace_back(x.spec.submission_id, id);
    }
    for (auto& [name, x] : store_->queues)
      out.queues.push_back(x);
    for (auto& [name, x] : store_->nodes)
      out.nodes.push_back(x);
    return out;
  }
  result<std::vector<ports::purged_job>> purge_history(timestamp older_than, uint32_t limit) override {
    std::vector<ports::purged_job> out;
    std::erase_if(store_->jobs, [&](auto& x) {
      auto& [id, row] = x;
      auto goes = out.size() < limit && row.archived && row.finished < older_than;
      if (goes)
        out.push_back({id, row.spec.submission_id});
      return goes;
    });
    return out;
  }

private:
  std::shared_ptr<memory_store> store_;
};

class memory_reader final : public ports::store_reader {
public:
  explicit memory_reader(std::shared_ptr<memory_store> store) : store_(std::move(store)) {
  }
  result<void> ping() override {
    return {};
  }
  result<job> find_job(job_id id) override {
    return find(store_->jobs, id);
  }
  result<std::vector<job_id>> children_of(job_id id) override {
    std::vector<job_id> out;
    for (auto& [key, x] : store_->jobs)
      if (x.spec.parent == id)
        out.push_back(key);
    return out;
  }
  result<job_page> list_jobs(const job_query& q) override {
    if (auto failure = store_->next(store_->read_failures); failure != errc::none)
      return {failure, "the test says so"};
    job_page out;
    for (auto& [id, x] : store_->jobs)
      if ((!q.parent || x.spec.parent == q.parent) && (q.history || !x.archived)
          && (q.status.empty()
              || ("," + q.status + ",").find("," + std::string{to_string(shown_state(x))} + ",") != std::string::npos))
        out.jobs.push_back(x);
    out.total = out.jobs.size();
    out.jobs.resize(std::min<size_t>(out.jobs.size(), q.limit));
    return out;
  }
  result<std::vector<library>> libraries() override {
    return values(store_->libraries);
  }
  result<std::vector<category_count>> categories() override {
    return std::vector<category_count>{};
  }
  result<video_page> list_videos(const video_query&) override {
    return video_page{values(store_->videos), store_->videos.size()};
  }
  result<video_detail> find_video(video_id id) override {
    auto found = find(store_->videos, id);
    if (!found)
      return std::move(found).error();
    video_detail out{*found, store_->libraries[found->library], {}, {}};
    if (auto i = store_->storyboards.find(id); i != store_->storyboards.end() && i->second.version == found->version)
      out.board = i->second;
    return out;
  }
  result<std::vector<known_file>> known_files(library_id lib, std::string_view after, uint32_t limit) override {
    std::vector<known_file> out;
    for (auto& [id, v] : store_->videos)
      if (v.library == lib && v.path > after)
        out.push_back({id, v.path, v.version, v.state});
    std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.path < b.path; });
    out.resize(std::min<size_t>(out.size(), limit));
    return out;
  }
  result<std::vector<scan>> scans(uint32_t) override {
    return values(store_->scans);
  }
  result<scan> find_scan(scan_id id) override {
    return find(store_->scans, id);
  }
  result<std::vector<std::string>> referenced_files() override {
    return std::vector<std::string>{};
  }

private:
  template <class Map>
  result<typename Map::mapped_type> find(const Map& map, typename Map::key_type id) {
    if (auto failure = store_->next(store_->read_failures); failure != errc::none)
      return {failure, "the test says so"};
    auto i = map.find(id);
    if (i == map.end())
      return {errc::not_found, id.str() + ": not known"};
    return i->second;
  }
  template <class Map>
  static std::vector<typename Map::mapped_type> values(const Map& map) {
    std::vector<typename Map::mapped_type> out;
    for (auto& [id, x] : map)
      out.push_back(x);
    return out;
  }

  std::shared_ptr<memory_store> store_;
};

class memory_database final : public ports::database {
public:
  std::shared_ptr<memory_store> store = std::make_shared<memory_store>();

  std::string_view kind() const noexcept override {
    return "memory";
  }
  result<std::unique_ptr<ports::store_writer>> open_writer() override {
    ++store->writers_opened;
    return std::unique_ptr<ports::store_writer>{std::make_unique<memory_writer>(store)};
  }
  result<std::unique_ptr<ports::store_reader>> open_reader() override {
    return std::unique_ptr<ports::store_reader>{std::make_unique<memory_reader>(store)};
  }
};

} // namespace troupe::test
