#define CAF_SUITE cluster.files_watch

#include "actors/cluster/files_watch.hpp"
#include "tests/support/actor_fixture.hpp"

using namespace troupe;
using namespace troupe::cluster;
using namespace std::chrono_literals;

namespace {

struct fixture : test::actor_fixture {
  fixture() {
    desk = sys.spawn([this](mesh::file_reader::pointer) -> mesh::file_reader::behavior_type {
      return {[this](const mesh::read_file& x) -> caf::result<mesh::file_grant> {
        asked.push_back(x.node + " " + x.path);
        if (away)
          return mesh::to_caf({errc::unavailable, "the coordinator is away"});
        return mesh::file_grant{"10.1.0.1", 3003, "ticket", "anna", {36, 1, 1}};
      }};
    });
    files_watch_config c;
    c.desk = [this] { return no_desk ? mesh::file_reader{} : desk; };
    c.try_it = [this](const mesh::file_grant& x, std::function<void(error)> done) {
      CAF_CHECK_EQUAL(x.host, "10.1.0.1");
      ++tries;
      if (hanging)
        open.push_back(std::move(done));
      else
        done(how);
      return std::shared_ptr<ports::transfer>{};
    };
    c.needed = [this] { return needed; };
    c.tell = [this](const std::string& problem) { told.push_back(problem); };
    c.node = "ben";
    uut = spawn_files_watch(sys, std::move(c));
  }
  ~fixture() {
    for (auto& who : {caf::actor_cast<caf::actor>(uut), caf::actor_cast<caf::actor>(desk)})
      caf::anon_send_exit(who, caf::exit_reason::kill);
    run();
  }
  void recheck() {
    caf::anon_send(uut, recheck_files{});
    run();
  }

  mesh::file_reader desk;
  files_watch uut;
  std::vector<std::string> asked;
  std::vector<std::string> told;
  std::vector<std::function<void(error)>> open;
  error how{errc::none, {}};
  int tries = 0;
  bool away = false;
  bool no_desk = false;
  bool needed = true;
  bool hanging = false;
};

const error refused{errc::unavailable, "10.1.0.1:3003 can't be reached: Connection refused"};

} // namespace

CAF_TEST_FIXTURE_SCOPE(files_watch_tests, fixture)

CAF_TEST(it looks at once and from time to time and sooner while it fails) {
  run();
  CAF_CHECK_EQUAL(told, std::vector<std::string>{""});
  CAF_CHECK_EQUAL(asked, std::vector<std::string>{" node.id"});
  pass(59s);
  CAF_CHECK_EQUAL(tries, 1);
  how = refused;
  pass(2s);
  CAF_CHECK_EQUAL(tries, 2);
  CAF_CHECK_EQUAL(told.size(), 1u);
  pass(5s);
  CAF_CHECK_EQUAL(tries, 3);
  CAF_REQUIRE_EQUAL(told.size(), 2u);
  CAF_CHECK(told.back().find("Connection refused") != std::string::npos);
  pass(20s);
  CAF_CHECK_EQUAL(tries, 7);
  how = error{errc::none};
  pass(5s);
  CAF_CHECK_EQUAL(told.back(), "");
  pass(58s);
  CAF_CHECK_EQUAL(tries, 8);
}

CAF_TEST(one that is out of reach from the beginning is told at once) {
  how = refused;
  run();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK(told.back().starts_with("node ben can't reach the coordinator's files: 10.1.0.1:3003"));
}

CAF_TEST(a coordinator that does not answer says nothing of the way to its files) {
  away = true;
  run();
  pass(12s);
  CAF_CHECK_EQUAL(asked.size(), 3u);
  away = false;
  no_desk = true;
  pass(10s);
  CAF_CHECK(told.empty() && tries == 0);
  no_desk = false;
  recheck();
  CAF_CHECK_EQUAL(told, std::vector<std::string>{""});
}

CAF_TEST(one look at a time and who asks meanwhile gets another) {
  hanging = true;
  run();
  recheck();
  recheck();
  CAF_CHECK_EQUAL(tries, 1);
  hanging = false;
  std::exchange(open, {}).front()(refused);
  run();
  CAF_CHECK_EQUAL(tries, 2);
  CAF_CHECK_EQUAL(told.size(), 2u);
  CAF_CHECK_EQUAL(told.back(), "");
}

CAF_TEST(where all is mounted nobody looks) {
  needed = false;
  how = refused;
  run();
  pass(60s);
  CAF_CHECK_EQUAL(tries, 0);
  CAF_CHECK_EQUAL(told, std::vector<std::string>{""});
  // And a problem of before is none any more.
  needed = true;
  recheck();
  recheck();
  CAF_CHECK_EQUAL(told.size(), 2u);
  needed = false;
  recheck();
  CAF_CHECK_EQUAL(told.back(), "");
}

CAF_TEST_FIXTURE_SCOPE_END()
