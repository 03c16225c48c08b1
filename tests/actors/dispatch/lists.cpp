#define CAF_SUITE dispatch.lists

#include "tests/support/coordinator_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture : coordinator_fixture {
  job listed(job_id id) {
    for (auto& x : ask<job_page>(dispatcher, job_query{}).value().jobs)
      if (x.id == id)
        return x;
    CAF_FAIL("it is not listed");
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(list_tests, fixture)

CAF_TEST(a list says how far a job is though no row is written for it) {
  start();
  join();
  auto id = submit_now(noop());
  CAF_REQUIRE_EQUAL(assigned->size(), 1u);
  progress_report report;
  report.token = assigned->front().token;
  // A new stage is written, what follows in it is not.
  for (auto [done, text] : {std::pair{0.1, "begun"}, {0.5, "half of it"}}) {
    report.progress = {done, "transcode", text, {}};
    self->send(dispatcher, mesh::report_progress{me, {report}});
    run();
  }
  CAF_REQUIRE(store.jobs.at(id).progress.fraction < 0.5);
  CAF_CHECK_EQUAL(listed(id).progress.fraction, 0.5);
  CAF_CHECK_EQUAL(listed(id).progress.message, "half of it");
  // What is not committed yet is no part of a list.
  close_door();
  auto cancelled = ask<job>(dispatcher, mesh::act_on_job{id, mesh::job_action::cancel});
  CAF_CHECK(listed(id).state == store.jobs.at(id).state);
  open_door();
  hand_in(report.token, "{}", attempt_end::cancelled);
  CAF_CHECK(listed(id).state == job_state::cancelled);
}

CAF_TEST(a list that can not be read is an error) {
  start();
  store.read_failures = {errc::io};
  CAF_CHECK(ask<job_page>(dispatcher, job_query{}).code() == errc::io);
}

CAF_TEST_FIXTURE_SCOPE_END()
