#define CAF_SUITE cluster.library_watch

#include "actors/cluster/library_watch.hpp"
#include "tests/support/actor_fixture.hpp"
#include "tests/support/no_files.hpp"

using namespace troupe;
using namespace troupe::cluster;
using namespace std::chrono_literals;

namespace {

/// What is mounted: a folder is there, empty, or not.
class disks final : public test::no_files {
public:
  enum class look { full, empty, gone };
  std::map<std::string, look> there;

  result<ports::folder_facts> look_at_folder(const std::string& path) override {
    auto i = there.find(path);
    if (i == there.end() || i->second == look::gone)
      return {errc::not_found, path + " is not there"};
    return ports::folder_facts{{}, i->second == look::empty};
  }
};
using look = disks::look;

struct coordinator_script {
  mesh::library_sample_list list;
  std::vector<milliseconds> asked;
  std::vector<mesh::library_listener> listeners;
  bool away = false;
};

mesh::library_samples::behavior_type samples(mesh::library_samples::pointer, coordinator_script* script) {
  return {
    [script](const mesh::get_library_samples& x) -> caf::result<mesh::library_sample_list> {
      script->asked.push_back(x.max_age);
      if (script->away)
        return mesh::to_caf({errc::unavailable, "the database is away"});
      return script->list;
    },
    [script](const mesh::library_listener& who) { script->listeners.push_back(who); },
    [](const mesh::libraries_changed&) {},
  };
}

struct fixture : test::actor_fixture {
  fixture() {
    add(films, "films");
    add(tv, "tv");
    disk->there = {{"/mnt/films", look::full}, {"/mnt/tv", look::full}};
    coordinator = sys.spawn(samples, &script);
    // The worker, as far as the watch knows one.
    sink = sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const offer_changed& x) { offers.push_back(x); }};
    });
    start();
  }
  ~fixture() {
    script.listeners.clear();
    for (auto& who : {caf::actor_cast<caf::actor>(uut), caf::actor_cast<caf::actor>(coordinator), sink})
      caf::anon_send_exit(who, caf::exit_reason::kill);
    run();
  }

  void add(library_id id, const std::string& name) {
    script.list.libraries.push_back({id, name, "/srv/" + name, library_origin::folder, 1, {}});
  }
  void start() {
    library_proof::settings how;
    how.mounts = *mount_table::parse({"/srv=/mnt"});
    library_watch_config c;
    c.proof = std::make_shared<const library_proof>(disk, how);
    c.mounted = mounted;
    c.coordinator = [this] {
      mesh::worker_handles h;
      if (connected)
        h.samples = coordinator;
      return h;
    };
    c.offers_to = caf::actor_cast<cluster::worker>(sink);
    c.time = std::shared_ptr<const troupe::clock>{std::shared_ptr<void>{}, &clk};
    c.on_a_thread = [this](std::function<void()> work) {
      if (no_threads)
        throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
      if (hanging)
        hung.push_back(std::move(work));
      else
        work();
    };
    uut = spawn_library_watch(sys, std::move(c));
    run();
  }
  template <class T>
  void tell(T what) {
    caf::anon_send(uut, what);
    run();
  }
  bool offered(library_id id) const {
    auto& all = offers.back().capabilities;
    return std::find(all.begin(), all.end(), library_capability(id)) != all.end();
  }

  const library_id films{{1, 1}}, tv{{1, 2}};
  std::shared_ptr<disks> disk = std::make_shared<disks>();
  std::shared_ptr<mounted_libraries> mounted =
    std::make_shared<mounted_libraries>(*mount_table::parse({"/srv=/mnt"}), "");
  coordinator_script script;
  mesh::library_samples coordinator;
  caf::actor sink;
  library_watch uut;
  std::vector<offer_changed> offers;
  std::vector<std::function<void()>> hung;
  bool hanging = false;
  bool no_threads = false;
  bool connected = true;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(library_watch_tests, fixture)

CAF_TEST(what is here is offered once) {
  CAF_REQUIRE_EQUAL(offers.size(), 1u);
  CAF_CHECK(offered(films) && offered(tv));
  CAF_CHECK(offers.back().problems.empty());
  CAF_CHECK_EQUAL(*mounted->root_of(films), "/mnt/films");
  pass(61s);
  CAF_CHECK_EQUAL(script.asked.size(), 2u);
  CAF_CHECK(script.asked.back() > 0ms);
  tell(watch_joined{});
  CAF_CHECK_EQUAL(script.asked.size(), 3u);
  CAF_CHECK_EQUAL(offers.size(), 1u);
}

CAF_TEST(a mount that goes away is given up after a second look and comes back by itself) {
  disk->there["/mnt/films"] = look::empty;
  pass(61s);
  // The second time with samples of this moment.
  CAF_REQUIRE_EQUAL(script.asked.size(), 3u);
  CAF_CHECK_EQUAL(script.asked.back().count(), 0);
  CAF_REQUIRE_EQUAL(offers.size(), 2u);
  CAF_CHECK(!offered(films) && offered(tv));
  CAF_REQUIRE_EQUAL(offers.back().problems.size(), 1u);
  CAF_CHECK(
    offers.back().problems[0].starts_with("library " + films.str() + " \"films\" (/srv/films): /mnt/films is empty"));
  CAF_CHECK_EQUAL(mounted->root_of(films, "/srv/films").error().message, offers.back().problems[0]);
  pass(60s);
  CAF_CHECK_EQUAL(offers.size(), 2u);
  disk->there["/mnt/films"] = look::full;
  pass(60s);
  CAF_REQUIRE_EQUAL(offers.size(), 3u);
  CAF_CHECK(offered(films));
  CAF_CHECK(offers.back().problems.empty());
}

CAF_TEST(samples that are out of date take nothing away) {
  script.list.libraries[0].samples = {{"gone.mkv", 1, 0, "x"}};
  tell(watch_joined{});
  // The fixture's disk has no files: it would be given up. Unless the second answer is another one.
  CAF_CHECK_EQUAL(offers.size(), 2u);
  script.list.libraries[0].samples.clear();
  tell(recheck_libraries{});
  pass(3s);
  CAF_REQUIRE_EQUAL(offers.size(), 3u);
  CAF_CHECK(offered(films));
}

CAF_TEST(an attempt that found nothing has it looked at soon but not all the time) {
  pass(10s);
  disk->there["/mnt/tv"] = look::gone;
  for (int i = 0; i < 50; ++i)
    tell(recheck_libraries{});
  CAF_CHECK(!offered(tv));
  CAF_CHECK_EQUAL(script.asked.size(), 2u);
  pass(3s);
  CAF_CHECK_EQUAL(script.asked.size(), 3u);
  pass(10s);
  CAF_CHECK_EQUAL(script.asked.size(), 3u);
}

CAF_TEST(a mount that hangs is told after the limit and holds up no other) {
  hanging = true;
  pass(60s);
  CAF_REQUIRE_EQUAL(hung.size(), 2u);
  CAF_CHECK_EQUAL(offers.size(), 1u);
  hanging = false;
  hung[1]();
  pass(11s);
  CAF_REQUIRE_EQUAL(offers.size(), 2u);
  CAF_CHECK(!offered(films) && offered(tv));
  CAF_CHECK(offers.back().problems.at(0).find("/mnt/films has not answered for 10 s") != std::string::npos);
  // It has one thread, and gets no other.
  hung.erase(hung.begin() + 1);
  disk->there["/mnt/tv"] = look::gone;
  pass(120s);
  CAF_CHECK(!offered(tv));
  CAF_CHECK_EQUAL(hung.size(), 1u);
  disk->there["/mnt/tv"] = look::full;
  pass(60s);
  CAF_CHECK(offered(tv));
  // The server is back.
  hung[0]();
  run();
  CAF_CHECK(offered(films));
  CAF_CHECK(offers.back().problems.empty());
}

CAF_TEST(without a coordinator everything stays as it was) {
  script.away = true;
  disk->there.clear();
  pass(200s);
  CAF_CHECK_EQUAL(offers.size(), 1u);
  CAF_CHECK(mounted->is_mounted(films));
  CAF_CHECK(script.asked.size() > 20u);
  connected = false;
  pass(60s);
  script.away = false;
  connected = true;
  pass(6s);
  CAF_CHECK(!mounted->is_mounted(films));
}

CAF_TEST(libraries that come and go) {
  CAF_REQUIRE(!script.listeners.empty());
  const library_id fresh{{1, 3}};
  add(fresh, "fresh");
  disk->there["/mnt/fresh"] = look::full;
  script.list.libraries.erase(script.list.libraries.begin());
  caf::anon_send(script.listeners.back(), mesh::libraries_changed{});
  run();
  CAF_REQUIRE_EQUAL(offers.size(), 2u);
  CAF_CHECK(offered(fresh) && offered(tv) && !offered(films));
  CAF_CHECK_EQUAL(mounted->root_of(films).error().code, errc::not_found);
}

CAF_TEST(a machine without threads for a while) {
  no_threads = true;
  disk->there["/mnt/tv"] = look::gone;
  pass(60s);
  CAF_CHECK_EQUAL(offers.size(), 1u);
  no_threads = false;
  pass(60s);
  CAF_CHECK(!offered(tv));
}

CAF_TEST_FIXTURE_SCOPE_END()
