#define CAF_SUITE cluster.worker

#include <caf/make_message.hpp>

#include "actors/cluster/worker.hpp"

#include "tests/support/unit_test.hpp"

#ifndef FAIL
#define FAIL CAF_FAIL
#endif
#include <caf/test/dsl.hpp>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

struct manual_clock final : clock {
  timestamp wall() const override {
    return timestamp{} + milliseconds{1'700'000'000'000} + now;
  }
  mono_time mono() const override {
    return mono_time{} + milliseconds{1'000'000} + now;
  }
  milliseconds now{0};
};

/// What a dispatcher was told, and what it is to answer. Outlives its actor.
struct dispatcher_script {
  std::vector<worker_hello> hellos;
  std::vector<std::vector<lease_token>> renewals;
  std::vector<node_figures> figures;
  std::vector<progress_report> progress;
  std::vector<attempt_outcome> outcomes;
  std::vector<mesh::change_credit> credit;
  std::vector<mesh::change_offer> offers;
  int leaves = 0;
  mesh::worker_link link;
  worker_welcome welcome{1, 15'000ms, {}, "/data", "node-a"};
  mesh::leases_renewed renewed;
  bool refuse_hand_in = false;
  /// Outcomes in each hand-in that came.
  std::vector<size_t> hand_ins;
  bool hold_hand_in = false;
  std::vector<caf::typed_response_promise<mesh::handed_in>> held;
};

/// Answers the hand-ins that are held, the first one with an error if `false`.
using answer_atom = caf::atom_constant<caf::atom("answer")>;
using scripted_dispatcher = mesh::job_worker::extend<caf::reacts_to<answer_atom, bool>>;

scripted_dispatcher::behavior_type dispatcher(scripted_dispatcher::pointer self, dispatcher_script* script) {
  return {
    [script](const worker_hello& x, const mesh::worker_link& link) {
      script->hellos.push_back(x);
      script->link = link;
      return script->welcome;
    },
    [script](const mesh::renew_leases& x) {
      script->renewals.push_back(x.held);
      script->figures.push_back(x.figures);
      return script->renewed;
    },
    [script](const mesh::report_progress& x) {
      script->progress.insert(script->progress.end(), x.reports.begin(), x.reports.end());
    },
    [self, script](const mesh::hand_in& x) -> caf::result<mesh::handed_in> {
      script->hand_ins.push_back(x.outcomes.size());
      if (script->refuse_hand_in)
        return mesh::to_caf({errc::unavailable, "the disk is full"});
      script->outcomes.insert(script->outcomes.end(), x.outcomes.begin(), x.outcomes.end());
      if (script->hold_hand_in) {
        script->held.push_back(self->make_response_promise<mesh::handed_in>());
        return script->held.back();
      }
      return mesh::handed_in{};
    },
    [script](const mesh::change_credit& x) { script->credit.push_back(x); },
    [script](const mesh::change_offer& x) { script->offers.push_back(x); },
    [script](const mesh::leave&) {
      ++script->leaves;
      return mesh::done{};
    },
    [script](answer_atom, bool good) {
      for (auto& answer : std::exchange(script->held, {}))
        if (std::exchange(good, true))
          answer.deliver(mesh::handed_in{});
        else
          answer.deliver(mesh::to_caf({errc::unavailable, "the disk is full"}));
    },
  };
}

/// Says welcome and then nothing.
mesh::job_worker::behavior_type hung_dispatcher(mesh::job_worker::pointer me) {
  return {
    [](const worker_hello&, const mesh::worker_link&) {
      return worker_welcome{1, 15'000ms, {}, "/data", "node-a", ""};
    },
    [me](const mesh::renew_leases&) { return me->make_response_promise<mesh::leases_renewed>(); },
    [](const mesh::report_progress&) {},
    [](const mesh::hand_in&) { return mesh::handed_in{}; },
    [](const mesh::change_credit&) {},
    [](const mesh::change_offer&) {},
    [](const mesh::leave&) { return mesh::done{}; },
  };
}

struct runner_script {
  std::map<lease_token, caf::typed_response_promise<attempt_outcome>> running;
  std::vector<lease_token> stopped;
};

/// Ends an attempt when the test says so.
using scripted_runner = mesh::runner::extend<caf::reacts_to<attempt_outcome>>;

scripted_runner::behavior_type runner(scripted_runner::pointer self, runner_script* script) {
  return {
    [self, script](const assignment& x) {
      auto promise = self->make_response_promise<attempt_outcome>();
      script->running.emplace(x.token, promise);
      return promise;
    },
    [script](const mesh::stop_attempt& x) { script->stopped.push_back(x.token); },
    [script](const attempt_outcome& x) {
      if (auto node = script->running.extract(x.token); !node.empty())
        node.mapped().deliver(x);
    },
  };
}

struct config : caf::actor_system_config {
  config() {
    mesh::register_messages(*this);
  }
};

struct fixture : test_coordinator_fixture<config> {
  explicit fixture(bool works_by_files = false) {
    jobs = sys.spawn(dispatcher, &script);
    work = sys.spawn(runner, &runs);
    cluster::worker_config c;
    c.me.id = worker_id{{1, 2}};
    c.me.node_name = "n";
    c.me.kinds = {"ingest"};
    c.me.credit = {{"metadata", 4}};
    c.works_by_files = works_by_files;
    if (!works_by_files) {
      c.data_id = "node-a";
      c.me.capabilities = {"data"};
    }
    c.figures = [this] { return figures; };
    c.certificate_due = [this] { return certificate_due; };
    c.min_free = 100;
    c.joined = [this](const worker_welcome&) { ++joins; };
    c.time = &time;
    c.make_runners = [this](mesh::progress_sink) { return std::map<std::string, mesh::runner>{{"ingest", work}}; };
    c.look_up = [this](std::function<void(result<mesh::job_worker>)> done) {
      ++look_ups;
      if (away)
        done(error{errc::unavailable, "away"});
      else
        done(jobs);
    };
    uut = cluster::spawn_worker(sys, std::move(c));
    run();
    first_credit = std::exchange(script.credit, {});
  }
  ~fixture() {
    script.link = mesh::worker_link{};
    script.held.clear();
    for (auto& who :
         {caf::actor_cast<caf::actor>(uut), caf::actor_cast<caf::actor>(jobs), caf::actor_cast<caf::actor>(work)})
      caf::anon_send_exit(who, caf::exit_reason::kill);
    run();
    runs.running.clear();
  }

  /// Messages only: the base class would trigger every timeout as well, and there is always a next one.
  void run() {
    consume_messages();
  }

  lease_token token(uint64_t n, uint32_t attempt = 1) {
    return {1, job_id{{5, n}}, attempt};
  }
  void assign(std::initializer_list<lease_token> tokens, std::string kind = "ingest") {
    mesh::assign x;
    for (auto& t : tokens)
      x.jobs.push_back({t, {}, kind, "metadata", "{}", "", "", 0, 3});
    caf::anon_send(uut, x);
    run();
  }
  void advance(milliseconds by) {
    time.now += by;
    sched.advance_time(by);
    run();
  }
  void end(const lease_token& t, attempt_end how = attempt_end::completed) {
    CAF_REQUIRE(runs.running.contains(t));
    attempt_outcome out;
    out.token = t;
    out.end = how;
    out.result = "{}";
    caf::anon_send(work, out);
    run();
  }
  void report(const lease_token& t, double fraction) {
    caf::anon_send(uut, progress_report{t, {fraction, "probe", "", {}}});
    run();
  }
  void answer_held(bool good) {
    caf::anon_send(caf::actor_cast<scripted_dispatcher>(jobs), answer_atom::value, good);
    run();
  }
  void kill_dispatcher() {
    caf::anon_send_exit(jobs, caf::exit_reason::kill);
    run();
  }

  manual_clock time;
  node_figures figures{{{"cache", 1'000, 500}}, {{"ben", 1, 2}}};
  std::string certificate_due;
  dispatcher_script script;
  runner_script runs;
  mesh::job_worker jobs;
  scripted_runner work;
  cluster::worker uut;
  /// What it asked for when it had seen whose data folder the coordinator has.
  std::vector<mesh::change_credit> first_credit;
  int look_ups = 0;
  int joins = 0;
  bool away = false;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(worker_tests, fixture)

CAF_TEST(says how its node is with the hello and each renewal) {
  CAF_REQUIRE_EQUAL(script.hellos.size(), 1u);
  CAF_CHECK(script.hellos[0].figures == figures);
  figures.links[0].sent = 100;
  advance(5s);
  CAF_REQUIRE_EQUAL(script.figures.size(), 1u);
  CAF_CHECK(script.figures[0] == figures);
  auto offers = script.offers.size();
  advance(5s);
  CAF_CHECK_EQUAL(script.offers.size(), offers);
  // A disk that is almost full is told once.
  figures.disks[0].free = 99;
  advance(5s);
  advance(5s);
  CAF_REQUIRE_EQUAL(script.offers.size(), offers + 1);
  CAF_REQUIRE_EQUAL(script.offers.back().problems.size(), 1u);
  CAF_CHECK(script.offers.back().problems[0].starts_with("the disk of its cache has "));
  figures.disks[0].free = 100;
  advance(5s);
  CAF_CHECK(script.offers.back().problems.empty());
  // And so is a certificate that ends.
  certificate_due = "it ends";
  advance(5s);
  advance(5s);
  CAF_REQUIRE_EQUAL(script.offers.size(), offers + 3);
  CAF_CHECK((script.offers.back().problems == std::vector<std::string>{"it ends"}));
}

CAF_TEST(joins works hands in and renews) {
  CAF_REQUIRE_EQUAL(script.hellos.size(), 1u);
  CAF_CHECK(script.hellos[0].credit.empty());
  CAF_REQUIRE_EQUAL(first_credit.size(), 1u);
  CAF_CHECK_EQUAL(first_credit[0].credit[0].slots, 4u);
  assign({token(1), token(2)});
  CAF_CHECK_EQUAL(runs.running.size(), 2u);
  advance(5s);
  CAF_REQUIRE_EQUAL(script.renewals.size(), 1u);
  CAF_CHECK(script.renewals[0] == (std::vector{token(1), token(2)}));
  end(token(1));
  run();
  CAF_REQUIRE_EQUAL(script.outcomes.size(), 1u);
  CAF_CHECK(script.outcomes[0].token == token(1));
  advance(5s);
  CAF_CHECK(script.renewals.back() == std::vector{token(2)});
}

CAF_TEST(what it offers follows it to every dispatcher) {
  CAF_REQUIRE_EQUAL(script.offers.size(), 1u);
  CAF_CHECK_EQUAL(joins, 1);
  caf::anon_send(uut, cluster::offer_changed{{"library:a"}, {"library b is empty"}});
  run();
  CAF_REQUIRE_EQUAL(script.offers.size(), 2u);
  CAF_CHECK(script.offers.back().capabilities == (std::vector<std::string>{"data", "library:a"}));
  CAF_CHECK(script.offers.back().problems == std::vector<std::string>{"library b is empty"});
  kill_dispatcher();
  jobs = sys.spawn(dispatcher, &script);
  advance(10s);
  CAF_REQUIRE_EQUAL(script.hellos.size(), 2u);
  CAF_CHECK(script.hellos.back().capabilities == (std::vector<std::string>{"data", "library:a"}));
  CAF_CHECK(script.offers.back().problems == std::vector<std::string>{"library b is empty"});
  CAF_CHECK_EQUAL(joins, 2);
}

CAF_TEST(encoders are offered once they were tested) {
  auto tested = [&](result<std::vector<std::string>> x) {
    caf::anon_send(uut,
                   cluster::encoders_tested{std::make_shared<const result<std::vector<std::string>>>(std::move(x))});
    run();
  };
  caf::anon_send(uut, cluster::offer_changed{{"library:a"}, {"library b is empty"}});
  tested(error{errc::crash, "the executor process was killed"});
  CAF_CHECK(script.offers.back().problems
            == (std::vector<std::string>{"library b is empty", "it can't encode: the executor process was killed"}));
  tested(std::vector<std::string>{"libx264", "aac"});
  CAF_CHECK(script.offers.back().capabilities
            == (std::vector<std::string>{"data", "library:a", "encoder:libx264", "encoder:aac"}));
  CAF_CHECK(script.offers.back().problems == std::vector<std::string>{"library b is empty"});
  kill_dispatcher();
  jobs = sys.spawn(dispatcher, &script);
  advance(10s);
  CAF_CHECK(script.hellos.back().capabilities
            == (std::vector<std::string>{"data", "library:a", "encoder:libx264", "encoder:aac"}));
}

CAF_TEST(without the data folder it takes no work and says why until it is back) {
  assign({token(1)});
  const auto find = [this](std::string problem) {
    caf::anon_send(uut, cluster::data_folder_found{std::move(problem)});
    run();
  };
  find("");
  CAF_CHECK(script.credit.empty());
  caf::anon_send(uut, cluster::offer_changed{{"library:a"}, {"library b is empty"}});
  find("the data folder is gone");
  find("the data folder is gone");
  CAF_REQUIRE_EQUAL(script.credit.size(), 1u);
  CAF_CHECK_EQUAL(script.credit[0].credit[0].slots, 0u);
  CAF_CHECK(script.offers.back().capabilities == std::vector<std::string>{"library:a"});
  CAF_CHECK(script.offers.back().problems
            == (std::vector<std::string>{"the data folder is gone", "library b is empty"}));
  // What runs goes on: it has the folder that it began with. What was on its way goes back.
  assign({token(2)});
  CAF_CHECK(runs.stopped.empty());
  CAF_REQUIRE_EQUAL(script.outcomes.size(), 1u);
  CAF_CHECK(script.outcomes[0].token == token(2));
  CAF_CHECK(script.outcomes[0].end == attempt_end::released);
  kill_dispatcher();
  jobs = sys.spawn(dispatcher, &script);
  advance(10s);
  CAF_REQUIRE_EQUAL(script.hellos.size(), 2u);
  CAF_CHECK_EQUAL(script.hellos.back().credit[0].slots, 0u);
  CAF_CHECK(script.hellos.back().capabilities == std::vector<std::string>{"library:a"});
  CAF_CHECK(script.hellos.back().held == std::vector{token(1)});
  CAF_CHECK_EQUAL(script.offers.back().problems.size(), 2u);
  find("");
  CAF_CHECK_EQUAL(script.credit.back().credit[0].slots, 4u);
  CAF_CHECK(script.offers.back().capabilities == (std::vector<std::string>{"data", "library:a"}));
  CAF_CHECK(script.offers.back().problems == std::vector<std::string>{"library b is empty"});
}

CAF_TEST(a worker without mounts takes no work until the files of its coordinator are in reach) {
  fixture far{true};
  auto find = [&](std::string problem) {
    caf::anon_send(far.uut, cluster::coordinator_files_found{std::move(problem)});
    far.run();
  };
  CAF_REQUIRE_EQUAL(far.script.hellos.size(), 1u);
  CAF_CHECK_EQUAL(far.script.hellos[0].credit[0].slots, 0u);
  find("a firewall is between");
  CAF_CHECK(far.script.credit.empty());
  CAF_CHECK(far.script.offers.back().problems == std::vector<std::string>{"a firewall is between"});
  far.assign({far.token(1)});
  CAF_REQUIRE_EQUAL(far.script.outcomes.size(), 1u);
  CAF_CHECK(far.script.outcomes[0].end == attempt_end::released);
  find("");
  CAF_REQUIRE_EQUAL(far.script.credit.size(), 1u);
  CAF_CHECK_EQUAL(far.script.credit[0].credit[0].slots, 4u);
  CAF_CHECK(far.script.offers.back().problems.empty());
  far.assign({far.token(2)});
  find("a firewall is between");
  CAF_CHECK_EQUAL(far.script.credit.back().credit[0].slots, 0u);
  // What runs goes on.
  CAF_CHECK(far.runs.stopped.empty());
  far.end(far.token(2));
  CAF_CHECK_EQUAL(far.script.outcomes.size(), 2u);
}

CAF_TEST(a data folder that goes during the hello is told after it) {
  kill_dispatcher();
  jobs = sys.spawn(dispatcher, &script);
  // The look-up and the hello are under way, and the welcome is not there yet.
  time.now += 10s;
  sched.advance_time(10s);
  while (script.hellos.size() < 2 && sched.has_job())
    sched.run_once();
  caf::anon_send(uut, cluster::data_folder_found{"gone"});
  run();
  CAF_REQUIRE_EQUAL(script.hellos.size(), 2u);
  CAF_CHECK_EQUAL(script.hellos.back().credit[0].slots, 4u);
  CAF_REQUIRE(!script.credit.empty());
  CAF_CHECK_EQUAL(script.credit.back().credit[0].slots, 0u);
}

CAF_TEST(a data folder that comes back in a drain brings no work) {
  assign({token(1)});
  caf::anon_send(uut, cluster::data_folder_found{"gone"});
  auto h = self->request(uut, caf::infinite, cluster::drain_worker{10s});
  run();
  caf::anon_send(uut, cluster::data_folder_found{""});
  run();
  for (auto& x : script.credit)
    CAF_CHECK_EQUAL(x.credit[0].slots, 0u);
  end(token(1));
  h.receive([](const mesh::done&) {}, [](const caf::error&) { CAF_FAIL("not drained"); });
}

CAF_TEST(what fails for want of a coordinator is given back) {
  const auto fails = [this](uint64_t n, errc code) {
    attempt_outcome out;
    out.token = token(n);
    out.end = attempt_end::failed;
    out.failure = error{code};
    caf::anon_send(work, out);
    run();
  };
  assign({token(1), token(2), token(3), token(4)});
  fails(1, errc::unavailable);
  kill_dispatcher();
  fails(2, errc::unavailable);
  fails(3, errc::io);
  jobs = sys.spawn(dispatcher, &script);
  advance(10s);
  // It began before that, and may have asked then.
  fails(4, errc::timeout);
  std::vector<attempt_end> in_order;
  for (uint64_t n = 1; n <= 4; ++n)
    for (auto& x : script.outcomes)
      if (x.token == token(n))
        in_order.push_back(x.end);
  CAF_CHECK(in_order
            == (std::vector<attempt_end>{attempt_end::failed, attempt_end::released, attempt_end::failed,
                                         attempt_end::released}));
}

CAF_TEST(an assignment that comes twice runs once) {
  assign({token(1), token(1)});
  assign({token(1)});
  CAF_CHECK_EQUAL(runs.running.size(), 1u);
}

CAF_TEST(a kind without a runner fails and harms nothing) {
  assign({token(1)}, "transcode");
  CAF_REQUIRE_EQUAL(script.outcomes.size(), 1u);
  CAF_CHECK(script.outcomes[0].end == attempt_end::failed);
  CAF_CHECK(script.outcomes[0].cls == error_class::transient);
}

CAF_TEST(outcomes are kept until they are acknowledged) {
  assign({token(1)});
  script.refuse_hand_in = true;
  end(token(1));
  run();
  advance(150ms);
  advance(5s);
  CAF_CHECK(script.renewals.back() == std::vector{token(1)});
  CAF_CHECK(script.outcomes.empty());
  script.refuse_hand_in = false;
  advance(5s);
  CAF_REQUIRE_EQUAL(script.outcomes.size(), 1u);
}

CAF_TEST(outcomes that arrive together are handed in together) {
  assign({token(1), token(2), token(3)}, "transcode");
  CAF_CHECK(script.hand_ins == std::vector<size_t>{3});
}

CAF_TEST(four hand - ins overlap and each outcome is handed in once) {
  assign({token(1), token(2), token(3), token(4), token(5), token(6)});
  script.hold_hand_in = true;
  for (uint64_t i = 1; i <= 6; ++i)
    end(token(i));
  CAF_CHECK(script.hand_ins == (std::vector<size_t>{1, 1, 1, 1}));
  answer_held(true);
  CAF_CHECK(script.hand_ins == (std::vector<size_t>{1, 1, 1, 1, 2}));
  CAF_CHECK_EQUAL(script.outcomes.size(), 6u);
  answer_held(true);
  advance(5s);
  CAF_CHECK(script.renewals.back().empty());
}

CAF_TEST(of several hand - ins under way only those that failed are repeated) {
  assign({token(1), token(2)});
  script.hold_hand_in = true;
  end(token(1));
  end(token(2));
  CAF_REQUIRE_EQUAL(script.held.size(), 2u);
  script.hold_hand_in = false;
  answer_held(false);
  CAF_CHECK_EQUAL(script.hand_ins.size(), 2u);
  advance(150ms);
  CAF_REQUIRE_EQUAL(script.outcomes.size(), 3u);
  CAF_CHECK(script.outcomes[2].token == token(1));
}

CAF_TEST(what was under way to a dispatcher that is gone is handed in to the next) {
  assign({token(1)});
  script.hold_hand_in = true;
  end(token(1));
  CAF_REQUIRE_EQUAL(script.held.size(), 1u);
  script.held.clear();
  script.hold_hand_in = false;
  auto old = jobs;
  jobs = sys.spawn(dispatcher, &script);
  caf::anon_send_exit(old, caf::exit_reason::kill);
  run();
  CAF_REQUIRE_EQUAL(script.hellos.size(), 2u);
  CAF_CHECK(script.hellos[1].held == std::vector{token(1)});
  CAF_REQUIRE_EQUAL(script.outcomes.size(), 2u);
  CAF_CHECK(script.outcomes[1].token == token(1));
}

CAF_TEST(progress is sent at once and then coalesced to the newest) {
  assign({token(1)});
  report(token(1), 0.1);
  CAF_REQUIRE_EQUAL(script.progress.size(), 1u);
  for (int i = 2; i < 10; ++i)
    report(token(1), i / 10.0);
  CAF_CHECK_EQUAL(script.progress.size(), 1u);
  advance(100ms);
  CAF_REQUIRE_EQUAL(script.progress.size(), 2u);
  CAF_CHECK_EQUAL(script.progress[1].progress.fraction, 0.9);
  report(token(7), 0.5);
  advance(1s);
  CAF_CHECK_EQUAL(script.progress.size(), 2u);
}

CAF_TEST(revoked attempts are stopped and nothing is handed in for them) {
  assign({token(1), token(2)});
  caf::anon_send(uut, mesh::revoke{{token(1)}});
  run();
  CAF_CHECK(runs.stopped == std::vector{token(1)});
  end(token(1), attempt_end::cancelled);
  run();
  CAF_CHECK(script.outcomes.empty());
  script.renewed.revoked = {token(2)};
  advance(5s);
  CAF_CHECK(runs.stopped == (std::vector{token(1), token(2)}));
  end(token(2));
  run();
  CAF_CHECK(script.outcomes.empty());
}

CAF_TEST(a dispatcher that comes back is told what is held) {
  assign({token(1), token(2)});
  away = true;
  kill_dispatcher();
  end(token(1));
  run();
  advance(1s);
  CAF_CHECK(look_ups >= 2);
  jobs = sys.spawn(dispatcher, &script);
  away = false;
  script.welcome.revoked = {token(2)};
  advance(10s);
  CAF_REQUIRE_EQUAL(script.hellos.size(), 2u);
  CAF_CHECK(script.hellos[1].held == (std::vector{token(2), token(1)}));
  CAF_REQUIRE_EQUAL(script.outcomes.size(), 1u);
  CAF_CHECK(script.outcomes[0].token == token(1));
  CAF_CHECK(runs.stopped == std::vector{token(2)});
}

CAF_TEST(an unknown worker says hello again) {
  script.renewed.known = false;
  advance(5s);
  CAF_CHECK_EQUAL(script.hellos.size(), 2u);
}

CAF_TEST(a dispatcher that hangs is looked up again after two renewals) {
  // Requests without an answer time out on the simulated clock.
  auto hung = sys.spawn(hung_dispatcher);
  auto old = jobs;
  jobs = hung;
  caf::anon_send_exit(old, caf::exit_reason::kill);
  run();
  auto before = look_ups;
  for (int i = 0; i < 5; ++i)
    advance(5s);
  CAF_CHECK(look_ups > before);
}

CAF_TEST(another data folder is refused and no work is taken) {
  script.welcome.data_id = "node-b";
  kill_dispatcher();
  jobs = sys.spawn(dispatcher, &script);
  advance(1s);
  CAF_CHECK(script.leaves >= 1);
  assign({token(1)});
  CAF_CHECK(runs.running.empty());
  // Until it is the right one it asks for no work, or it would get some with each welcome.
  advance(30s);
  CAF_CHECK(script.leaves >= 2);
  CAF_CHECK(script.hellos.back().credit.empty());
  script.welcome.data_id = "node-a";
  advance(30s);
  CAF_CHECK(script.hellos.back().credit.empty());
  CAF_CHECK(!script.credit.empty());
}

CAF_TEST(a drain takes nothing new finishes what it can and releases the rest) {
  assign({token(1), token(2)});
  auto h = self->request(uut, caf::infinite, cluster::drain_worker{10s});
  run();
  CAF_REQUIRE_EQUAL(script.credit.size(), 1u);
  CAF_CHECK_EQUAL(script.credit[0].credit[0].slots, 0u);
  assign({token(3)});
  CAF_REQUIRE_EQUAL(script.outcomes.size(), 1u);
  CAF_CHECK(script.outcomes[0].end == attempt_end::released);
  end(token(1));
  run();
  CAF_CHECK(script.outcomes.back().end == attempt_end::completed);
  CAF_CHECK_EQUAL(script.leaves, 0);
  advance(10s);
  CAF_CHECK(runs.stopped == std::vector{token(2)});
  end(token(2), attempt_end::cancelled);
  run();
  CAF_CHECK(script.outcomes.back().end == attempt_end::released);
  CAF_CHECK_EQUAL(script.leaves, 1);
  bool answered = false;
  h.receive([&](const mesh::done&) { answered = true; }, [](const caf::error&) { CAF_FAIL("not drained"); });
  CAF_CHECK(answered);
}

CAF_TEST(a drain ends although a runner hangs) {
  assign({token(1)});
  auto h = self->request(uut, caf::infinite, cluster::drain_worker{1s});
  run();
  advance(1s);
  advance(5s);
  h.receive([&](const mesh::done&) {}, [](const caf::error&) { CAF_FAIL("not drained"); });
  CAF_CHECK_EQUAL(script.leaves, 1);
}

CAF_TEST_FIXTURE_SCOPE_END()
