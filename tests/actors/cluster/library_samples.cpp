#define CAF_SUITE cluster.library_samples

#include "actors/cluster/library_samples.hpp"
#include "host/files.hpp"
#include "store/open.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

#include <fstream>
#include <random>

using namespace troupe;
using namespace troupe::cluster;
using namespace std::chrono_literals;

namespace {

struct fixture : test::actor_fixture {
  fixture() {
    auto opened = store::open_sqlite(folder / "t.db");
    CAF_REQUIRE(opened.has_value());
    database = std::move(*opened);
    home.id = library_id{{1, 1}};
    home.name = home.category = "films";
    home.root = folder / "films";
    ports::unit_of_work unit;
    unit.catalogue.libraries.push_back(home);
    commit(unit);
    library_samples_config c;
    c.database = database;
    c.files = std::make_shared<host::files>();
    c.time = std::shared_ptr<const troupe::clock>{std::shared_ptr<void>{}, &clk};
    c.random = [this] { return rng(); };
    uut = sys.spawn(library_samples_actor, c);
  }
  ~fixture() {
    caf::anon_send_exit(uut, caf::exit_reason::kill);
    run();
  }

  void commit(const ports::unit_of_work& unit) {
    auto writer = database->open_writer();
    CAF_REQUIRE(writer.has_value());
    const ports::unit_of_work* units[]{&unit};
    auto done = (*writer)->commit(units);
    CAF_REQUIRE(done.has_value() && done->front().has_value());
  }
  void add_films(size_t count, bool on_disk = true, video_state state = video_state::ready) {
    ports::unit_of_work unit;
    for (size_t i = 0; i < count; ++i) {
      video v;
      v.id = video_id{{2, ++films}};
      v.library = home.id;
      v.category = "films";
      v.path = "f" + std::to_string(films) + ".mkv";
      v.title = v.path;
      v.version = {1000, 1, films};
      v.state = state;
      v.created = v.updated = clk.wall();
      if (on_disk) {
        std::filesystem::create_directories(home.root);
        std::ofstream out{home.root + "/" + v.path, std::ios::binary};
        for (int n = 0; n < 100; ++n)
          out << v.path << n;
      }
      unit.catalogue.added.push_back(std::move(v));
    }
    commit(unit);
  }
  mesh::library_sample_list ask(milliseconds max_age = 30s) {
    mesh::library_sample_list out;
    auto answer = self->request(uut, caf::infinite, mesh::get_library_samples{max_age});
    run();
    answer.receive([&](const mesh::library_sample_list& x) { out = x; },
                   [&](caf::error& e) { CAF_FAIL(sys.render(e)); });
    return out;
  }
  mesh::sampled_library films_of(const mesh::library_sample_list& all) {
    CAF_REQUIRE_EQUAL(all.libraries.size(), 1u);
    return all.libraries[0];
  }

  test::temporary_folder folder;
  std::shared_ptr<ports::database> database;
  library home;
  uint64_t films = 0;
  std::mt19937_64 rng{1};
  mesh::library_samples uut;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(library_samples_tests, fixture)

CAF_TEST(an empty library has no samples) {
  auto x = films_of(ask());
  CAF_CHECK_EQUAL(x.files, 0u);
  CAF_CHECK(x.samples.empty());
  CAF_CHECK_EQUAL(x.root, home.root);
}

CAF_TEST(samples are what the files hold and not always the same) {
  add_films(100);
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i) {
    auto x = films_of(ask(0ms));
    clk.advance(2s);
    CAF_CHECK_EQUAL(x.files, 100u);
    CAF_REQUIRE_EQUAL(x.samples.size(), 3u);
    for (auto& s : x.samples) {
      std::ifstream in{home.root + "/" + s.path, std::ios::binary};
      std::string all{std::istreambuf_iterator<char>{in}, {}};
      CAF_CHECK_EQUAL(all.size(), s.size);
      CAF_CHECK_EQUAL(s.bytes.size(), 256u);
      CAF_CHECK(all.substr(s.offset, 256) == s.bytes);
      seen.insert(s.path);
    }
  }
  CAF_CHECK(seen.size() > 20u);
}

CAF_TEST(files that can not be read are passed over) {
  add_films(3);
  add_films(30, false, video_state::failed);
  std::filesystem::remove(home.root + "/f1.mkv");
  std::ofstream{home.root + "/f2.mkv"}.flush();
  for (int i = 0; i < 10; ++i) {
    clk.advance(2s);
    auto x = films_of(ask(0ms));
    CAF_CHECK_EQUAL(x.files, 33u);
    CAF_REQUIRE_EQUAL(x.samples.size(), 1u);
    CAF_CHECK_EQUAL(x.samples[0].path, "f3.mkv");
  }
}

CAF_TEST(a coordinator that does not see the root knows sizes) {
  add_films(20, false);
  auto x = films_of(ask());
  CAF_REQUIRE_EQUAL(x.samples.size(), 3u);
  for (auto& s : x.samples) {
    CAF_CHECK_EQUAL(s.size, 1000u);
    CAF_CHECK(s.bytes.empty());
  }
  // An empty mount point is no root either.
  std::filesystem::create_directories(home.root);
  CAF_CHECK_EQUAL(films_of(ask(0ms)).samples.size(), 3u);
}

CAF_TEST(answers are kept for a while) {
  add_films(100);
  auto paths = [&](milliseconds max_age) {
    std::vector<std::string> out;
    for (auto& s : films_of(ask(max_age)).samples)
      out.push_back(s.path + std::to_string(s.offset));
    return out;
  };
  auto first = paths(30s);
  clk.advance(29s);
  CAF_CHECK(paths(30s) == first);
  CAF_CHECK(paths(20s) != first);
  auto second = paths(30s);
  // However often somebody asks for new ones.
  CAF_CHECK(paths(0ms) == second);
  caf::anon_send(uut, mesh::libraries_changed{});
  run();
  CAF_CHECK(paths(30s) != second);
}

CAF_TEST(who listens is told of changes until its end) {
  int told = 0;
  auto who = sys.spawn([&](mesh::library_listener::pointer) -> mesh::library_listener::behavior_type {
    return {[&](const mesh::libraries_changed&) { ++told; }};
  });
  caf::anon_send(uut, who);
  caf::anon_send(uut, who);
  caf::anon_send(uut, mesh::library_listener{});
  caf::anon_send(uut, mesh::libraries_changed{});
  run();
  CAF_CHECK_EQUAL(told, 1);
  caf::anon_send_exit(who, caf::exit_reason::kill);
  run();
  caf::anon_send(uut, mesh::libraries_changed{});
  run();
  CAF_CHECK_EQUAL(told, 1);
}

CAF_TEST_FIXTURE_SCOPE_END()
