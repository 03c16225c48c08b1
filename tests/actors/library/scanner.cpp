#define CAF_SUITE library.scanner

#include "actors/library/scanner.hpp"
#include "actors/library/payloads.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/no_files.hpp"

#include <sys/mman.h>

#include <thread>

using namespace troupe;
using namespace troupe::catalogue;

namespace {

/// Gives the batches of the test, one a call.
class tree final : public test::no_files {
public:
  std::vector<ports::walk_batch> batches;
  result<void> end;
  std::function<void()> between = [] {};

  /// Content of files that are opened; others are not there.
  std::map<std::string, std::string> content;

  result<ports::opened_file> open_below(const std::string& root, const std::string& path) override {
    auto i = content.find(root + "/" + path);
    if (i == content.end())
      return {errc::not_found, path};
    unique_fd fd{::memfd_create("content", MFD_CLOEXEC)};
    CAF_REQUIRE_EQUAL(::write(fd.get(), i->second.data(), i->second.size()), static_cast<ssize_t>(i->second.size()));
    return ports::opened_file{std::move(fd), {}};
  }

  result<void> walk(const std::string&, const std::function<bool(std::string_view)>&,
                    const std::function<bool(ports::walk_batch)>& batch) override {
    for (auto& b : batches) {
      if (!batch(b))
        return {errc::cancelled, "stopped"};
      between();
    }
    return end;
  }
};

struct told {
  std::mutex mutex;
  std::vector<mesh::scan_batch> batches;
  errc answer = errc::none;
};

mesh::librarian::behavior_type librarian_stub(mesh::librarian::pointer, std::shared_ptr<told> t) {
  return {
    [](const mesh::get_libraries&) { return mesh::library_list{}; },
    [](mesh::add_library& x) { return x.what; },
    [](mesh::edit_library& x) { return x.what; },
    [](const mesh::remove_library&) { return mesh::done{}; },
    [](const mesh::scan_library&) { return scan{}; },
    [](const mesh::get_scans&) { return mesh::scan_list{}; },
    [](const mesh::get_scan&) { return scan{}; },
    [](const mesh::remove_video&) { return mesh::done{}; },
    [](const mesh::edit_video&) { return video_detail{}; },
    [=](mesh::scan_batch& x) -> caf::result<mesh::done> {
      std::lock_guard guard{t->mutex};
      t->batches.push_back(std::move(x));
      if (t->answer != errc::none)
        return mesh::to_caf({t->answer, "the test says so"});
      return mesh::done{};
    },
  };
}

mesh::catalogue_reader::behavior_type reader_stub(mesh::catalogue_reader::pointer, std::vector<known_file> known) {
  return {
    [](const video_query&) { return video_page{}; },
    [](const mesh::get_video&) { return video_detail{}; },
    [](const mesh::get_categories&) { return mesh::category_list{}; },
    [=](const mesh::get_known_files& x) {
      mesh::known_file_list out;
      for (auto& f : known)
        if (f.path > x.after)
          out.files.push_back(f);
      return out;
    },
  };
}

mesh::progress_sink::behavior_type sink_stub(mesh::progress_sink::pointer) {
  return {[](const progress_report&) {}};
}

/// On real threads: each walk has one of its own.
struct fixture {
  test::actor_config config;
  caf::actor_system sys{config};
  std::shared_ptr<tree> files = std::make_shared<tree>();
  std::shared_ptr<told> heard = std::make_shared<told>();
  std::vector<known_file> known;
  mesh::runner scanner;
  lease_token token{1, job_id{raw_id{1, 2}}, 1};

  static video_id id(uint64_t n) {
    return video_id{raw_id{0, n}};
  }
  static file_version v(uint64_t n) {
    return {n, 1, 1};
  }

  attempt_outcome run(std::string payload = {}) {
    scanner_config c;
    c.files = files;
    mesh::worker_handles peers;
    peers.librarian = sys.spawn(librarian_stub, heard);
    peers.catalogue = sys.spawn(reader_stub, known);
    // A coordinator that was started anew: the handles of the time when the scanner was made are worth nothing.
    auto present = std::make_shared<mesh::worker_handles>();
    c.coordinator = [present] { return *present; };
    c.progress = sys.spawn(sink_stub);
    scanner = sys.spawn(catalogue::scanner, c);
    *present = peers;
    assignment a;
    a.token = token;
    a.kind = "scan";
    a.payload =
      payload.empty() ? encode(scan_payload{scan_id{raw_id{3, 3}}, library_id{raw_id{4, 4}}, "/films"}) : payload;
    attempt_outcome out;
    caf::scoped_actor self{sys};
    self->request(scanner, std::chrono::seconds{20}, a)
      .receive([&](attempt_outcome& x) { out = std::move(x); }, [&](caf::error& e) { CAF_FAIL(sys.render(e)); });
    for (auto x : {caf::actor_cast<caf::actor>(peers.librarian), caf::actor_cast<caf::actor>(peers.catalogue),
                   caf::actor_cast<caf::actor>(c.progress), caf::actor_cast<caf::actor>(scanner)})
      caf::anon_send_exit(x, caf::exit_reason::user_shutdown);
    CAF_CHECK(out.token == token);
    return out;
  }

  std::set<video_id> missing() const {
    std::set<video_id> out;
    for (auto& b : heard->batches)
      out.insert(b.missing.begin(), b.missing.end());
    return out;
  }
  std::set<std::string> changed() const {
    std::set<std::string> out;
    for (auto& b : heard->batches)
      for (auto& f : b.changed)
        out.insert(f.path);
    return out;
  }
};

using paths = std::set<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(scanner_tests, fixture)

CAF_TEST(source files that are named like media are passed over) {
  known = {{id(1), "known.ts", v(1), video_state::ready}};
  files->content = {{"/films/app.ts", "export const a = 1;\n"},
                    {"/films/film.ts", std::string("\x47\x40\x00\x10\x00", 5)},
                    {"/films/known.ts", "overwritten by a letter"},
                    {"/films/letter.mp4", "a letter"}};
  files->batches = {
    {{{"app.ts", v(1)}, {"film.ts", v(1)}, {"known.ts", v(2)}, {"letter.mp4", v(1)}, {"unreadable.ts", v(1)}},
     1,
     1,
     {},
     {}}};
  CAF_CHECK(run().end == attempt_end::completed);
  CAF_CHECK(changed() == (paths{"film.ts", "known.ts", "letter.mp4", "unreadable.ts"}));
  CAF_CHECK(missing().empty());
}

CAF_TEST(new and changed files are told and what is gone is missing) {
  known = {{id(1), "a/same.mkv", v(1), video_state::ready},
           {id(2), "b/changed.mkv", v(1), video_state::ready},
           {id(3), "c/gone.mkv", v(1), video_state::ready}};
  files->batches = {{{{"a/same.mkv", v(1)}, {"b/changed.mkv", v(2)}}, 3, 1, {}, {}},
                    {{{"d/new.mkv", v(1)}}, 3, 3, {}, {}}};
  CAF_CHECK(run().end == attempt_end::completed);
  CAF_CHECK(changed() == (paths{"b/changed.mkv", "d/new.mkv"}));
  CAF_CHECK(missing() == std::set<video_id>{id(3)});
  CAF_CHECK_EQUAL(heard->batches.back().counters.at("itemsRemoved"), 1);
}

CAF_TEST(an empty mount point fails and marks nothing) {
  known = {{id(1), "a.mkv", v(1), video_state::ready}};
  auto out = run();
  CAF_CHECK(out.end == attempt_end::failed);
  CAF_CHECK(missing().empty());
}

CAF_TEST(a root that is not there is tried again later) {
  files->end = error{errc::not_found, "/films: not there"};
  auto out = run();
  CAF_CHECK(out.end == attempt_end::failed);
  CAF_CHECK(out.cls == error_class::transient);
  CAF_CHECK(missing().empty());
}

CAF_TEST(what lies in a folder that can not be read is not missing and the rest is) {
  known = {{id(1), "locked/deep/a.mkv", v(1), video_state::ready},
           {id(2), "lockedother/b.mkv", v(1), video_state::ready},
           {id(3), "c/d.mkv", v(1), video_state::ready},
           {id(4), "e.mkv", v(1), video_state::ready}};
  files->batches = {
    {{{"c/x.mkv", v(1)}}, 3, 3, {"locked: permission denied", "e.mkv: input/output error"}, {"locked", "e.mkv"}}};
  CAF_CHECK(run().end == attempt_end::completed);
  CAF_CHECK(missing() == (std::set<video_id>{id(2), id(3)}));
}

CAF_TEST(a name that is not UTF 8 is a problem and does not stop the rest) {
  known = {{id(1), "gone.mkv", v(1), video_state::ready}};
  files->batches = {{{{"a.mkv", v(1)}}, 1, 1, {"the name of \xff.mkv is not UTF-8: rename it"}, {}}};
  CAF_CHECK(run().end == attempt_end::completed);
  CAF_CHECK(missing() == std::set<video_id>{id(1)});
  CAF_CHECK_EQUAL(heard->batches.back().counters.at("errors"), 1);
}

CAF_TEST(a scan that is stopped ends cancelled and marks nothing) {
  known = {{id(1), "gone.mkv", v(1), video_state::ready}};
  files->batches = {{{{"a.mkv", v(1)}}, 1, 0, {}, {}}, {{{"b.mkv", v(1)}}, 1, 1, {}, {}}};
  files->between = [this] {
    caf::anon_send(scanner, mesh::stop_attempt{token});
    // Until the scanner has taken it.
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
  };
  CAF_CHECK(run().end == attempt_end::cancelled);
  CAF_CHECK(changed() == paths{"a.mkv"});
  CAF_CHECK(missing().empty());
}

CAF_TEST(a coordinator without room is waited for and burns no attempt) {
  files->batches = {{{{"a.mkv", v(1)}}, 1, 1, {}, {}}};
  heard->answer = errc::rate_limited;
  auto out = run();
  CAF_CHECK(out.end == attempt_end::failed);
  CAF_CHECK(out.cls == error_class::throttled);
}

CAF_TEST(a payload that makes no sense fails for good) {
  auto out = run("{}");
  CAF_CHECK(out.end == attempt_end::failed);
  CAF_CHECK(out.cls == error_class::permanent);
}

CAF_TEST_FIXTURE_SCOPE_END()
