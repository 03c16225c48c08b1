#define CAF_SUITE dispatch.journal

#include "tests/support/coordinator_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

struct fixture : coordinator_fixture {
  std::vector<asked<mesh::done>> answers;

  static dispatch::unit_ptr unit(uint64_t n, size_t rows = 1) {
    auto out = std::make_shared<ports::unit_of_work>();
    for (size_t i = 0; i < rows; ++i) {
      ports::job_change x;
      x.row.id = job_id{raw_id{n, i}};
      x.is_new = true;
      out->jobs.push_back(std::move(x));
    }
    return out;
  }

  /// All in the journal's mailbox before it gets to run.
  template <class... Ts>
  void together(Ts... messages) {
    auto send = [&](auto message) {
      asked<mesh::done> out;
      keep(sys.spawn([=, to = journal, answer = out.answer](caf::event_based_actor* helper) {
        helper->request(to, caf::infinite, message)
          .then([answer](mesh::done& x) { answer->emplace(x); },
                [answer](caf::error& e) { answer->emplace(mesh::from_caf(e)); });
      }));
      answers.push_back(out);
    };
    (send(messages), ...);
    run();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(journal_tests, fixture)

CAF_TEST(what arrives together is committed together) {
  together(dispatch::commit_jobs{unit(1)}, dispatch::commit_catalogue{unit(2)}, dispatch::commit_jobs{unit(3)});
  CAF_CHECK_EQUAL(store.commits, 1u);
  CAF_CHECK_EQUAL(store.jobs.size(), 3u);
  for (auto& a : answers)
    CAF_CHECK(a.code() == errc::none);
}

CAF_TEST(a commit takes so many rows and the job lane first) {
  together(dispatch::commit_catalogue{unit(1, 400)}, dispatch::commit_jobs{unit(2, 400)},
           dispatch::commit_jobs{unit(3, 600)});
  CAF_CHECK_EQUAL(store.commits, 3u);
  CAF_CHECK_EQUAL(store.jobs.size(), 1400u);
}

CAF_TEST(a unit that can not be written fails alone) {
  store.poison = job_id{raw_id{2, 0}};
  together(dispatch::commit_jobs{unit(1)}, dispatch::commit_catalogue{unit(2)}, dispatch::commit_jobs{unit(3)});
  CAF_CHECK(answers[0].code() == errc::none);
  CAF_CHECK(answers[1].code() == errc::conflict);
  CAF_CHECK(answers[2].code() == errc::none);
  CAF_CHECK_EQUAL(store.jobs.size(), 2u);
}

CAF_TEST(a database that fails answers all and is not asked unit by unit) {
  store.commit_failures = {errc::unavailable};
  together(dispatch::commit_jobs{unit(1)}, dispatch::commit_jobs{unit(2)});
  CAF_CHECK_EQUAL(store.commits, 1u);
  for (auto& a : answers)
    CAF_CHECK(a.code() == errc::unavailable);
  together(dispatch::commit_jobs{unit(3)});
  CAF_CHECK(answers.back().code() == errc::none);
}

CAF_TEST(a fence that does not hold drops its unit alone) {
  auto fenced = std::make_shared<ports::unit_of_work>(*unit(1));
  fenced->fence = {1, job_id{raw_id{9, 9}}, 1};
  together(dispatch::commit_catalogue{fenced}, dispatch::commit_jobs{unit(2)});
  CAF_CHECK(answers[0].code() == errc::stale_lease);
  CAF_CHECK(answers[1].code() == errc::none);
  CAF_CHECK_EQUAL(store.jobs.size(), 1u);
}

CAF_TEST(a new journal goes on with the same store) {
  together(dispatch::commit_jobs{unit(1)});
  self->send_exit(journal, caf::exit_reason::kill);
  run();
  together(dispatch::commit_jobs{unit(2)});
  CAF_CHECK(answers.back().code() != errc::none);
  journal = keep(sys.spawn(dispatch::journal_actor, db, dispatch::journal_config{}));
  together(dispatch::commit_jobs{unit(2)});
  CAF_CHECK(answers.back().code() == errc::none);
  CAF_CHECK_EQUAL(store.writers_opened, 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()
