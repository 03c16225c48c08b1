#define CAF_SUITE schedule.scheduler

#include "actors/schedule/scheduler.hpp"
#include "tests/support/actor_fixture.hpp"

#include <spdlog/spdlog.h>

using namespace troupe;

namespace {

/// Counts what is submitted; refuses while `away`.
struct book {
  std::vector<std::string> ids;
  size_t asked = 0;
  bool away = false;
};

mesh::job_client::behavior_type jobs_stub(mesh::job_client::pointer, std::shared_ptr<book> b) {
  return {
    [=](const mesh::submit_jobs& x) -> caf::result<mesh::submitted> {
      ++b->asked;
      if (b->away)
        return mesh::to_caf({errc::unavailable, "away"});
      b->ids.push_back(x.specs.at(0).submission_id);
      return mesh::submitted{{submit_receipt{}}};
    },
    [](const mesh::act_on_job&) { return job{}; },
    [](const mesh::get_job&) { return mesh::job_with_children{}; },
    [](const mesh::explain_job&) { return mesh::job_explanation{}; },
  };
}

struct fixture : test::actor_fixture {
  std::shared_ptr<book> b = std::make_shared<book>();
  mesh::job_client jobs = sys.spawn(jobs_stub, b);
  schedule::scheduler subject;

  void start(std::vector<std::string> names, milliseconds every = milliseconds{10'000}) {
    spdlog::set_level(spdlog::level::off);
    schedule::scheduler_config c;
    for (auto& name : names) {
      schedule::schedule s;
      s.name = name;
      s.every = every;
      s.spec.kind = "noop";
      c.schedules.push_back(s);
    }
    subject = sys.spawn(schedule::scheduler_actor, c, jobs, std::shared_ptr<const troupe::clock>(&clk, [](auto*) {}));
    pass(milliseconds{20});
  }

  ~fixture() {
    self->send_exit(subject, caf::exit_reason::kill);
    self->send_exit(jobs, caf::exit_reason::kill);
    run();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(scheduler_tests, fixture)

CAF_TEST(each tick is enqueued once) {
  start({"a"});
  CAF_CHECK_EQUAL(b->ids.size(), 1u);
  pass(milliseconds{30'000});
  CAF_CHECK_EQUAL(b->ids.size(), 4u);
  CAF_CHECK(std::set<std::string>(b->ids.begin(), b->ids.end()).size() == 4u);
}

CAF_TEST(retries do not multiply while the dispatcher is away) {
  b->away = true;
  start({"a", "b", "c"}, milliseconds{3'600'000});
  pass(milliseconds{120'000});
  // Three schedules, a try a second each.
  CAF_CHECK(b->asked <= 3u * 125);
  CAF_CHECK(b->asked >= 3u * 100);
  b->away = false;
  pass(milliseconds{2'000});
  CAF_CHECK_EQUAL(b->ids.size(), 3u);
}

CAF_TEST(a clock that was years ahead and is set back does not silence a schedule) {
  start({"a"});
  clk.step_wall(std::chrono::hours{24 * 365 * 4});
  pass(milliseconds{11'000});
  clk.step_wall(-std::chrono::hours{24 * 365 * 4});
  b->ids.clear();
  pass(milliseconds{61'000});
  CAF_CHECK(b->ids.size() >= 5u);
}

CAF_TEST(a clock that jumps ahead makes one job up and not all that were skipped) {
  start({"a"});
  b->ids.clear();
  clk.step_wall(std::chrono::hours{1});
  pass(milliseconds{10'000});
  CAF_CHECK(b->ids.size() <= 2u);
  CAF_CHECK(b->ids.size() >= 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
