#define CAF_SUITE cluster.data_watch

#include "actors/cluster/data_watch.hpp"
#include "tests/support/actor_fixture.hpp"

using namespace troupe;
using namespace troupe::cluster;
using namespace std::chrono_literals;

namespace {

struct fixture : test::actor_fixture {
  fixture() {
    // The worker, as far as the watch knows one.
    sink = sys.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const data_folder_found& x) { told.push_back(x.problem); }};
    });
    data_watch_config c;
    c.prove = [this]() -> result<void> {
      ++looks;
      return problem.empty() ? result<void>{} : error{errc::unavailable, problem};
    };
    c.tells = caf::actor_cast<cluster::worker>(sink);
    c.hung = "it hangs";
    c.on_a_thread = [this](std::function<void()> work) {
      if (no_threads)
        throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
      if (hanging)
        hung.push_back(std::move(work));
      else
        work();
    };
    uut = spawn_data_watch(sys, std::move(c));
    run();
  }
  ~fixture() {
    for (auto& who : {caf::actor_cast<caf::actor>(uut), sink})
      caf::anon_send_exit(who, caf::exit_reason::kill);
    run();
  }
  void recheck() {
    caf::anon_send(uut, recheck_data{});
    run();
  }

  caf::actor sink;
  data_watch uut;
  std::string problem;
  int looks = 0;
  std::vector<std::string> told;
  std::vector<std::function<void()>> hung;
  bool hanging = false;
  bool no_threads = false;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(data_watch_tests, fixture)

CAF_TEST(it looks at once and then from time to time and sooner while it is not there) {
  CAF_CHECK_EQUAL(told, std::vector<std::string>{""});
  pass(59s);
  CAF_CHECK_EQUAL(looks, 1);
  problem = "empty";
  pass(2s);
  CAF_CHECK_EQUAL(looks, 2);
  CAF_CHECK_EQUAL(told.back(), "empty");
  problem = "";
  pass(5s);
  CAF_CHECK_EQUAL(looks, 3);
  CAF_CHECK_EQUAL(told.back(), "");
  pass(58s);
  CAF_CHECK_EQUAL(looks, 3);
}

CAF_TEST(what an attempt has seen is looked at again at once and leaves one timer) {
  problem = "empty";
  recheck();
  CAF_CHECK_EQUAL(told.back(), "empty");
  recheck();
  CAF_CHECK_EQUAL(looks, 3);
  problem = "";
  pass(5s);
  CAF_CHECK_EQUAL(looks, 4);
  CAF_CHECK_EQUAL(told.back(), "");
}

CAF_TEST(a mount that hangs is told after the limit and gets no other thread) {
  hanging = true;
  recheck();
  recheck();
  CAF_CHECK_EQUAL(hung.size(), 1u);
  pass(9s);
  CAF_CHECK_EQUAL(told.back(), "");
  pass(2s);
  CAF_CHECK_EQUAL(told.back(), "it hangs");
  pass(120s);
  recheck();
  CAF_CHECK_EQUAL(hung.size(), 1u);
  // It answers again.
  hanging = false;
  std::exchange(hung, {}).front()();
  run();
  CAF_CHECK_EQUAL(told.back(), "");
  // And what was asked for meanwhile is looked at.
  CAF_CHECK_EQUAL(looks, 3);
}

CAF_TEST(a machine without threads for a while) {
  no_threads = true;
  problem = "empty";
  recheck();
  CAF_CHECK_EQUAL(told.back(), "");
  no_threads = false;
  pass(5s);
  CAF_CHECK_EQUAL(told.back(), "empty");
}

CAF_TEST_FIXTURE_SCOPE_END()
