#pragma once

// The librarian beside dispatcher, journal and a database in memory.

#include "tests/support/coordinator_fixture.hpp"
#include "tests/support/no_files.hpp"

#include "actors/library/librarian.hpp"
#include "actors/library/payloads.hpp"
#include "actors/media/attempt.hpp"
#include "actors/media/payloads.hpp"

namespace troupe::test {

using namespace troupe::catalogue;

/// Folders that are there, and what was removed.
class folders final : public no_files {
public:
  std::set<std::string> there;
  /// Of look_at_folder.
  std::set<std::string> seen;

  /// Links among them.
  std::map<std::string, std::string> leads_to;

  result<ports::folder_facts> look_at_folder(const std::string& path) override {
    if (!seen.contains(path) && !there.contains(path))
      return {errc::not_found, path};
    ports::folder_facts out;
    out.real_path = leads_to.contains(path) ? leads_to.at(path) : path;
    return out;
  }
  result<void> remove(const std::string& path) override {
    removed_.insert(path);
    return {};
  }
  const std::set<std::string>& removed() const {
    return removed_;
  }

  result<ports::disk_space> space(const std::string& path) override {
    if (there.contains(path))
      return ports::disk_space{};
    return {errc::not_found, path};
  }

private:
  std::set<std::string> removed_;
};

struct librarian_fixture : coordinator_fixture {
  std::shared_ptr<folders> disk = std::make_shared<folders>();
  mesh::librarian librarian;
  dispatch::observer ears;
  /// None: nobody knows of any.
  mesh::node_admin nodes;
  /// Of the scans that were asked for, in order.
  std::vector<bool> elsewhere;

  librarian_fixture() {
    // The dispatcher tells the librarian, whoever is that at the time.
    observer = keep(sys.spawn([this](dispatch::observer::pointer listener) -> dispatch::observer::behavior_type {
      return {[this, listener](const dispatch::job_changed& x) {
        if (ears)
          listener->send(ears, x);
      }};
    }));
    disk->there = {"/films", "/series"};
    start();
    begin();
  }

  void begin() {
    librarian_config c;
    c.data_folder = "/data";
    c.files = disk;
    c.detached = false;
    c.time = config.time;
    c.catalogue_changed = [out = seen] { out->push_back("invalidate"); };
    c.scan_needs = [this](library_id, bool x) {
      elsewhere.push_back(x);
      return std::vector<std::string>{};
    };
    librarian_peers peers;
    peers.journal = caf::actor_cast<dispatch::journal>(door);
    peers.jobs = caf::actor_cast<mesh::job_client>(dispatcher);
    peers.reader = reader;
    peers.notifier = notifier;
    peers.nodes = nodes;
    auto made = keep(sys.spawn(catalogue::librarian, c, peers));
    librarian = caf::actor_cast<mesh::librarian>(made);
    ears = caf::actor_cast<dispatch::observer>(made);
    pass(milliseconds{20});
  }

  void end() {
    self->send_exit(librarian, caf::exit_reason::kill);
    run();
  }

  /// As put into the store by an earlier life, since adding one asks a thread of its own.
  library_id films(std::string root = "/films") {
    library x;
    x.id = library_id{raw_id{9, 9}};
    x.name = x.category = "films";
    x.root = std::move(root);
    store.libraries[x.id] = x;
    end();
    begin();
    return x.id;
  }

  scan scan_of(library_id id) {
    return ask<scan>(librarian, mesh::scan_library{id, "r", "t"}).value();
  }

  mesh::scan_batch batch(const scan& s, std::vector<std::string> paths) {
    mesh::scan_batch x;
    x.token = store.jobs.at(*job_id::parse(s.job)).token();
    x.scan = s.id;
    x.library = s.library;
    for (auto& path : paths)
      x.changed.push_back({{}, path, {1, 1, 1}, video_state::pending});
    x.counters["itemsFound"] = static_cast<int64_t>(paths.size());
    return x;
  }

  /// A film that a scan has found, and the job that takes it in.
  struct found_film {
    video_id id;
    assignment work;
    std::string picture;
    std::string result;
  };
  found_film found(library_id home) {
    join(10);
    auto s = scan_of(home);
    ask<mesh::done>(librarian, batch(s, {"a.mkv"}));
    found_film out;
    out.work = next("ingest");
    out.id = store.videos.begin()->first;
    out.picture = "artwork/xx/" + work::output_name(out.work.token) + "-320.jpg";
    work::ingest_result made;
    made.item = store.videos.at(out.id);
    made.item.media = "{}";
    made.item.thumbnails = {{320, 180, out.picture}};
    out.result = encode(made);
    return out;
  }

  void remove(video_id id, bool with_file) {
    auto answer = ask<mesh::done>(librarian, mesh::remove_video{id, with_file});
    CAF_REQUIRE(answer.code() == errc::none);
  }

  assignment next(const std::string& kind) {
    for (auto i = assigned->begin(); i != assigned->end(); ++i)
      if (i->kind == kind) {
        auto out = *i;
        assigned->erase(i);
        return out;
      }
    CAF_FAIL("no assignment of kind " << kind);
  }
};

} // namespace troupe::test
