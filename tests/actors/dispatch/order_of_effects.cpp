#define CAF_SUITE dispatch.order_of_effects

#include <caf/make_message.hpp>

#include "actors/dispatch/dispatcher.hpp"
#include "tests/support/actor_fixture.hpp"

using namespace troupe;
using namespace troupe::dispatch;

namespace {

/// Commits when the test says so. Outlives its actor.
struct journal_script {
  std::vector<unit_ptr> units;
  std::vector<caf::typed_response_promise<mesh::done>> unanswered;
  int recoveries = 0;
};

/// Answers the oldest commit: true: it is done; false: it failed.
using answer_atom = caf::atom_constant<caf::atom("answer")>;
using scripted_journal = dispatch::journal::extend<caf::reacts_to<answer_atom, bool>>;

scripted_journal::behavior_type journal_behavior(scripted_journal::pointer self, journal_script* script) {
  return {
    [self, script](const commit_jobs& x) {
      script->units.push_back(x.unit);
      script->unanswered.push_back(self->make_response_promise<mesh::done>());
      return script->unanswered.back();
    },
    [](const commit_catalogue&) { return mesh::done{}; },
    [script](const recover_jobs&) {
      ++script->recoveries;
      return recovery{1, std::make_shared<ports::recovered_jobs>()};
    },
    [](const purge_jobs&) { return purged{}; },
    [script](answer_atom, bool good) {
      auto first = script->unanswered.front();
      script->unanswered.erase(script->unanswered.begin());
      if (good)
        first.deliver(mesh::done{});
      else
        first.deliver(mesh::to_caf({errc::storage_full, "no space"}));
    },
  };
}

struct fixture : test::actor_fixture {
  journal_script script;
  scripted_journal journal;
  mesh::dispatcher uut;
  size_t acknowledged = 0;
  size_t refused = 0;

  fixture() {
    journal = sys.spawn(journal_behavior, &script);
    dispatcher_peers peers;
    peers.journal = journal;
    uut = sys.spawn(dispatcher_actor, dispatcher_config{}, peers);
    run();
  }
  ~fixture() {
    script.unanswered.clear();
    for (auto& x : {caf::actor_cast<caf::actor>(uut), caf::actor_cast<caf::actor>(journal)})
      self->send_exit(x, caf::exit_reason::kill);
    run();
  }

  void answer(bool good) {
    self->send(journal, answer_atom::value, good);
    run();
  }

  void submit(size_t jobs) {
    for (size_t i = 0; i < jobs; ++i)
      sys.spawn([this](caf::event_based_actor* me) {
        job_spec spec;
        spec.kind = "noop";
        me->request(mesh::job_client{uut}, caf::infinite, mesh::submit_jobs{{spec}})
          .then([this](const mesh::submitted&) { ++acknowledged; }, [this](const caf::error&) { ++refused; });
      });
    run();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(order_of_effects, fixture)

CAF_TEST(an answer waits for its own commit and what comes meanwhile for the next) {
  submit(1);
  CAF_REQUIRE_EQUAL(script.units.size(), 1u);
  submit(3);
  CAF_CHECK_EQUAL(script.units.size(), 1u);
  CAF_CHECK_EQUAL(acknowledged, 0u);
  answer(true);
  CAF_CHECK_EQUAL(acknowledged, 1u);
  CAF_REQUIRE_EQUAL(script.units.size(), 2u);
  CAF_CHECK_EQUAL(script.units[1]->jobs.size(), 3u);
  answer(true);
  CAF_CHECK_EQUAL(acknowledged, 4u);
}

CAF_TEST(a full commit starts before the effects of the last but has none of its own yet) {
  submit(1);
  submit(200);
  answer(true);
  CAF_REQUIRE_EQUAL(script.units.size(), 2u);
  CAF_CHECK_EQUAL(script.units[1]->jobs.size(), 200u);
  CAF_CHECK_EQUAL(acknowledged, 1u);
  answer(true);
  CAF_CHECK_EQUAL(acknowledged, 201u);
  CAF_CHECK_EQUAL(script.units.size(), 2u);
}

CAF_TEST(a failed commit refuses what was in it and all is read again) {
  submit(1);
  submit(100);
  answer(true);
  answer(false);
  CAF_CHECK_EQUAL(acknowledged, 1u);
  CAF_CHECK_EQUAL(refused, 100u);
  CAF_CHECK_EQUAL(script.recoveries, 2);
  submit(1);
  answer(true);
  CAF_CHECK_EQUAL(acknowledged, 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()
